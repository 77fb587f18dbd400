/**
 * "How it works": the page for a careful reader. Every sentence here is a claim about the code and changes with it. Loaded
 * on demand (about-screen.tsx), so nothing a call needs may import it.
 */
import { createSignal, For, type JSX, onCleanup, onMount, Show } from 'solid-js';
import type { AboutModel } from '../state/app-model.ts';
import { BehindRouters, BehindWalls, Mesh, Picture, SameNetwork } from './about-pictures.tsx';
import { SECTIONS, type SectionId } from './about-sections.ts';
import { Table } from './about-table.tsx';
import { SEES, TAKEOVER, TRAVELS } from './about-tables.ts';
import { ScreenLink } from './parts.tsx';
import styles from './styles/about.css?inline';

// With the page and not beside it: no moment without, and nothing more to fetch that may not come.
const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);
document.adoptedStyleSheets.push(sheet);

export function About(props: { model: AboutModel }) {
  let title: HTMLHeadingElement | undefined;
  onMount(() => {
    // The browser looked for the section before there was one.
    const section = SECTIONS.find(({ id }) => id === props.model.section);
    const heading = section && document.getElementById(section.id);
    const frame = requestAnimationFrame(() => {
      heading?.scrollIntoView();
      (heading?.querySelector('h2') ?? title)?.focus({ preventScroll: true });
    });
    onCleanup(() => cancelAnimationFrame(frame));
  });
  return (
    <div class="about">
      <header class="about-head">
        <ScreenLink class="brand" href="/" onOpen={() => props.model.goHome()}>
          Parley
        </ScreenLink>
        <Show when={props.model.link}>
          {(link) => (
            <ScreenLink class="about-back" href={link()} onOpen={() => props.model.toLobby()}>
              Back to the lobby
            </ScreenLink>
          )}
        </Show>
      </header>
      <main>
        <div class="about-title">
          <h1 ref={title} tabindex="-1">
            How it works
          </h1>
          <p class="lead">
            What becomes of your call, what each machine on its way can see, and where the promises end.
          </p>
          <p class="hint">
            This page describes the program as it is published. Whether a server hands out that program is the
            first of the limits below.
          </p>
        </div>
        <Contents />
        <div class="about-body">
          <ThePicture />
          <TheLink />
          <Meeting />
          <Section id="travels">
            <p>
              Media and data travel between the browsers. Only what is needed to introduce them passes the
              server, and most of that is sealed. A room stores no message: while you are in it, your sealed
              introduction stays with your connection, and it goes with it.
            </p>
            <Table content={TRAVELS} />
          </Section>
          <Section id="sees">
            <p>
              “Server” means the machine that serves this page and hosts the rooms, and whoever runs that
              machine. “Network” means everybody in between: your Wi-Fi, your provider, theirs.
            </p>
            <Table content={SEES} />
          </Section>
          <Section id="takeover">
            <p>
              The page of a running call is in your browser already, with its keys. So it matters little for
              that call who holds the server by now. It matters for whatever is loaded afterwards: a part of
              the program that is fetched when it is first used, or the whole page. To reload is to trust the
              server anew.
            </p>
            <Table content={TAKEOVER} />
          </Section>
          <Nat />
          <Credentials />
          <WhyAMesh />
          <Limits />
          <Operators />
        </div>
      </main>
    </div>
  );
}

/** Marks the section that is being read. */
function Contents() {
  const [reading, setReading] = createSignal<string>();
  onMount(() => {
    // A line a quarter down the window: the section that crosses it.
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) setReading(target.id);
      },
      { rootMargin: '-25% 0px -75% 0px' },
    );
    for (const { id } of SECTIONS) {
      const section = document.getElementById(id);
      if (section) observer.observe(section);
    }
    onCleanup(() => observer.disconnect());
  });
  return (
    <nav class="contents" aria-label="Contents">
      <ol>
        <For each={SECTIONS}>
          {({ id, title }) => (
            <li>
              <a href={`#${id}`} aria-current={reading() === id ? 'location' : undefined}>
                {title}
              </a>
            </li>
          )}
        </For>
      </ol>
    </nav>
  );
}

function ThePicture() {
  return (
    <Section id="picture">
      <figure>
        <Picture />
        <figcaption>
          The server passes on sealed introductions that it cannot open. Once two browsers are connected they
          need it no longer. The relay is used only where no direct path exists, or by whoever chooses{' '}
          <i>Relay only</i>.
        </figcaption>
      </figure>
    </Section>
  );
}

function TheLink() {
  return (
    <Section id="link">
      <p>The key to a call is in its link, in the part that browsers never send to a server.</p>
      <dl class="anatomy">
        <div>
          <dt>
            <code>https://call.example/</code>
          </dt>
          <dd>Which server to ask. The only part that is sent.</dd>
        </div>
        <div>
          <dt>
            <code class="secret">#9fQ2mLx0TzVb7cKp1sWd4w</code>
          </dt>
          <dd>16 random bytes, made by the browser of whoever started the call.</dd>
        </div>
        <div>
          <dt>
            <code>/Tuesday</code>
          </dt>
          <dd>A label for people, if there is one.</dd>
        </div>
      </dl>
      <p>From the 16 bytes each browser derives three values with HKDF-SHA-256, each with its own label:</p>
      <ul class="points">
        <li>
          the <b>room id</b>, by which the server brings together browsers that have the same link. It does
          not lead back to the key;
        </li>
        <li>
          the <b>key that seals introductions</b> (AES-256-GCM);
        </li>
        <li>
          a <b>shared secret</b> that goes into the keys of every pair.
        </li>
      </ul>
      <p>
        A room password changes the last two. It is stretched by 600,000 rounds of PBKDF2-SHA-256, never
        leaves the browser, and is needed in addition to the link.
      </p>
      <p>
        At each join a browser makes a new key pair (ECDH, P-256) and a new certificate. Their private halves
        cannot be exported and are gone with the page. So a link that leaks next week opens nothing that was
        said today: of whatever was recorded, it opens the names in the introductions, and no more.
      </p>
    </Section>
  );
}

function Meeting() {
  return (
    <Section id="meeting">
      <ol class="steps">
        <li>
          Your browser opens a WebSocket to the server and names the room. The room id travels in the
          handshake and not in the address, so access logs hold none.
        </li>
        <li>
          It sends one sealed <b>introduction</b>: its public key, the fingerprint of its certificate, your
          name. The server passes it on to those who are there, and theirs to you, with the relay’s address
          and a credential for it.
        </li>
        <li>
          Each pair of browsers derives keys of its own, one for each direction, from both key pairs, both
          introductions and the link. Nobody else has them, not even the others in the call.
        </li>
        <li>
          Under these keys the two exchange session descriptions and network addresses, compressed and padded:
          a few kilobytes. Each message counts up, so none can be repeated or turned back. A description whose
          fingerprint is not the one of the introduction is refused.
        </li>
        <li>
          They connect, directly if they can. Media and data are encrypted between exactly these two
          certificates (DTLS). Over their first data channel each proves to the other that it holds the keys
          of the pair. Only then does a tile appear.
        </li>
        <li>
          From here on the two talk over their own connection, about the connection too. The server is asked
          again when that is broken, or when somebody joins. <b>If the server goes away, the call goes on.</b>
        </li>
      </ol>
    </Section>
  );
}

function Nat() {
  return (
    <Section id="nat">
      <p>
        Most devices have no address of their own on the internet. A router shares one among many (NAT), and
        lets in only what answers something that was sent out. So each browser collects the addresses at which
        it might be reached, the two try every pair of them, and the best that works is used. This is ICE.
        Which helper it takes depends on the networks.
      </p>
      <ul class="scenes">
        <li>
          <SameNetwork />
          <h3>Same network</h3>
          <p>
            Nobody is needed. The browsers know addresses at which they reach each other. That is why Parley
            works on a LAN without internet.
          </p>
        </li>
        <li>
          <BehindRouters />
          <h3>Routers at home: STUN</h3>
          <p>
            Each browser must learn its public address. STUN is that question, “from where do you see me?”,
            and its answer. A relay answers it as well, so Parley names no STUN server unless its operator
            does.
          </p>
        </li>
        <li>
          <BehindWalls />
          <h3>Strict networks: TURN</h3>
          <p>
            Some routers use another address for every destination, some firewalls let in nothing at all. If
            both sides sit behind such, no direct path exists. Then both send to a relay, and it passes on
            what it cannot read. Where no UDP gets out at all, it must be a relay that also takes TCP or TLS.
          </p>
        </li>
      </ul>
      <p>
        Whoever chooses <i>Relay only</i> always takes the third way: the others then see the relay’s address
        and not theirs.
      </p>
    </Section>
  );
}

function Credentials() {
  return (
    <Section id="credentials">
      <p>
        The relay serves only those who have a credential. The server makes one for each browser that joins: a
        user name, which is a time of expiry and a random id, and a password that is computed from it (HMAC)
        with a secret that only server and relay have. The relay computes the same and keeps no list of users.
      </p>
      <p>
        A credential lasts one hour unless the operator chose another time. After about three quarters of it
        the browser asks for a fresh one over the socket it has, and nobody notices. So mistakes heal by
        themselves:
      </p>
      <ul class="points">
        <li>
          With a credential that leaked, a stranger can begin to use the relay for an hour at most. It opens
          no call.
        </li>
        <li>
          When the operator changes the secret, the relay accepts the old one beside the new for a while.
          Within the hour every browser has moved on, and no call is cut.
        </li>
        <li>
          When the server is away for longer than that, a path through the relay that is in use goes on: it
          may outlive its credential, by twelve hours at most. Only new paths have to wait for the server.
        </li>
      </ul>
    </Section>
  );
}

const MESHES = [
  { people: 2, connections: 1 },
  { people: 3, connections: 3 },
  { people: 4, connections: 6 },
  { people: 6, connections: 15 },
  { people: 8, connections: 28 },
] as const;

function WhyAMesh() {
  return (
    <Section id="mesh">
      <p>
        In a mesh every browser is connected to every other. Nobody stands in the middle, so nobody in the
        middle has to be trusted or paid for, and a call that has begun depends on nobody but the people in
        it. The price is upload: your browser encodes and sends your picture once for each of the others.
      </p>
      <ul class="meshes">
        <For each={MESHES}>
          {({ people, connections }) => (
            <li>
              <Mesh people={people} />
              <h3>{people} people</h3>
              <p>
                {connections} {connections === 1 ? 'connection' : 'connections'},
                <br />
                {people === 2 ? 'sent once' : `sent ${people - 1} times`}
              </p>
            </li>
          )}
        </For>
      </ul>
      <p>
        That is comfortable for up to about six people on an ordinary line, and a room takes eight unless its
        operator says otherwise. Larger meetings need a server that forwards everybody’s media. It would see
        who sends what to whom and when, and would need a second layer of encryption on top. Parley has none:
        it is made for small calls.
      </p>
    </Section>
  );
}

function Limits() {
  return (
    <Section id="limits">
      <dl class="limits">
        <div>
          <dt>Whoever serves the code can change it</dt>
          <dd>
            The program comes from the server each time you open the page. A dishonest server could hand you a
            program that sends your key or your picture elsewhere, and no encryption helps against the program
            that does the encrypting. Use a server run by somebody you trust, or run your own.
          </dd>
        </div>
        <div>
          <dt>Whoever has the link can join</dt>
          <dd>
            A link that is forwarded, or left in a mailbox, is a key left lying about, and browsers keep links
            in their history. Make a new one for each call, pass it on over something you trust, and for more
            safety agree on a room password some other way. Look under <i>People</i>: everybody whose browser
            talks to yours is listed there.
          </dd>
        </div>
        <div>
          <dt>The others see your network address</dt>
          <dd>
            A direct connection needs it, and it tells roughly where you are. With <i>Relay only</i> the
            others see the relay’s address instead. The server sees yours in any case.
          </dd>
        </div>
        <div>
          <dt>Traffic has a shape</dt>
          <dd>
            Encryption hides what is sent, not that, when and how much. Packets of sound and picture carry
            their number and time in the open, and as browsers are today, those of sound their loudness. So
            who carries them can tell when somebody speaks, though not what.
          </dd>
        </div>
        <div>
          <dt>People and devices are what they are</dt>
          <dd>
            Everybody in a call can record it. An extension or another program on somebody’s device may see
            all that its owner sees.
          </dd>
        </div>
      </dl>
    </Section>
  );
}

function Operators() {
  return (
    <Section id="operators">
      <ul class="points">
        <li>
          <b>Run it yourself.</b> One command starts server and relay. On a LAN it needs no internet at all,
          and the people who use it know whom they trust.
        </li>
        <li>
          <b>Let people check the program.</b> Say which version you serve, unchanged. The names of its
          scripts contain a hash of their contents, so anybody can build the same version and compare what
          your server hands out.
        </li>
        <li>
          <b>Keep the server’s keys few and fresh.</b> Whoever can deploy to the server or has its TLS key can
          change the program. Guard both; change the relay’s secret now and then, and the old one may overlap.
        </li>
        <li>
          <b>Keep the relay on your own premises, behind a firewall.</b> Then not even the volume of relayed
          traffic is anybody else’s to see. Allow it to reach no more than it must.
        </li>
        <li>
          <b>Log little.</b> Parley’s own lines name no room, no person and no address. What your host or a
          proxy in front writes down is yours to look at.
        </li>
        <li>
          <b>Serve it over HTTPS alone.</b> The server’s headers already forbid scripts from elsewhere,
          connections to elsewhere, and being framed by another site.
        </li>
      </ul>
    </Section>
  );
}

function Section(props: { id: SectionId; children: JSX.Element }) {
  const heading = () => `${props.id}-heading`;
  return (
    <section id={props.id} aria-labelledby={heading()}>
      <h2 id={heading()} tabindex="-1">
        {SECTIONS.find(({ id }) => id === props.id)?.title}
      </h2>
      {props.children}
    </section>
  );
}
