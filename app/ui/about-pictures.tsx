/**
 * The drawings of "How it works", as SVG: how the parts stand to each other, three kinds of networks, meshes. Owns lines
 * and labels; colours are about.css's. What a drawing says stands in its description or in the text beside it.
 */
import { createUniqueId, For, type JSX } from 'solid-js';

const PICTURE_TITLE = 'How the parts of a call are connected';
const PICTURE_DESCRIPTION =
  'Two browsers, each with the key of the invitation. Between them one thick line: picture, sound, screen, chat and files, ' +
  'encrypted end to end. From each browser a thin line leads to the server, which has no key and passes on sealed ' +
  'introductions. Another thin line leads from each browser to the relay, which has no key either and passes on ' +
  'ciphertext, only where no direct path exists.';

/** Drawn twice: side by side for a wide column, one above the other for a narrow one; the stylesheet shows one of them. */
export function Picture() {
  return (
    <>
      <WidePicture />
      <NarrowPicture />
    </>
  );
}

function WidePicture() {
  return (
    <Drawing class="picture wide" viewBox="19 15 762 398">
      <path class="sealed" d="M115 150V88a20 20 0 0 1 20-20h175" />
      <path class="sealed" d="M685 150V88a20 20 0 0 0-20-20h-175" />
      <path class="relayed" d="M115 274v62a20 20 0 0 0 20 20h175" />
      <path class="relayed" d="M685 274v62a20 20 0 0 1-20 20h-175" />
      <path class="direct" d="M210 212h380" />
      <Envelope x={115} y={110} />
      <Envelope x={685} y={110} />
      <Label x={222} y={54}>
        sealed introductions
      </Label>
      <Label x={578} y={54}>
        sealed introductions
      </Label>
      <Label x={222} y={380}>
        ciphertext
      </Label>
      <Label x={578} y={380}>
        ciphertext
      </Label>
      <Label x={400} y={192} strong>
        Picture, sound, screen, chat, files
      </Label>
      <Label x={400} y={242}>
        encrypted from browser to browser
      </Label>
      <Browser x={20} y={150} width={190} name="Your browser" />
      <Browser x={590} y={150} width={190} name="Their browser" />
      <Machine x={310} y={16} width={180} name="Server" does="makes introductions" />
      <Machine x={310} y={306} width={180} name="Relay" does="only if no direct path" />
    </Drawing>
  );
}

function NarrowPicture() {
  return (
    <Drawing class="picture narrow" viewBox="3 5 354 556">
      <path class="sealed" d="M62 130v100M62 336v100" />
      <path class="relayed" d="M298 130v100M298 336v100" />
      <path class="direct" d="M180 130v62M180 374v62" />
      <Envelope x={62} y={166} />
      <Envelope x={62} y={400} />
      <Label x={62} y={198}>
        sealed notes
      </Label>
      <Label x={298} y={198}>
        ciphertext
      </Label>
      <Label x={180} y={222} strong>
        Picture,
      </Label>
      <Label x={180} y={242} strong>
        sound,
      </Label>
      <Label x={180} y={262} strong>
        screen,
      </Label>
      <Label x={180} y={282} strong>
        chat, files
      </Label>
      <Label x={180} y={310}>
        encrypted
      </Label>
      <Label x={180} y={328}>
        from browser
      </Label>
      <Label x={180} y={346}>
        to browser
      </Label>
      <Browser x={4} y={6} width={352} name="Your browser" />
      <Browser x={4} y={436} width={352} name="Their browser" />
      <Machine x={4} y={230} width={116} name="Server" does="introduces" />
      <Machine x={240} y={230} width={116} name="Relay" does="if need be" />
    </Drawing>
  );
}

function Drawing(props: { class: string; viewBox: string; children: JSX.Element }) {
  const title = createUniqueId();
  const description = createUniqueId();
  return (
    <svg
      class={props.class}
      viewBox={props.viewBox}
      role="img"
      aria-labelledby={title}
      aria-describedby={description}
    >
      <title id={title}>{PICTURE_TITLE}</title>
      <desc id={description}>{PICTURE_DESCRIPTION}</desc>
      {props.children}
    </svg>
  );
}

/** A window whose address ends in the key. */
function Browser(props: { x: number; y: number; width: number; name: string }) {
  const middle = () => props.x + props.width / 2;
  return (
    <g>
      <rect class="part" x={props.x} y={props.y} width={props.width} height="124" rx="14" />
      <path class="rule" d={`M${props.x} ${props.y + 36}h${props.width}`} />
      <circle class="dot" cx={props.x + 18} cy={props.y + 18} r="4" />
      <circle class="dot" cx={props.x + 32} cy={props.y + 18} r="4" />
      <circle class="dot" cx={props.x + 46} cy={props.y + 18} r="4" />
      <Label x={middle()} y={props.y + 74} strong onPart>
        {props.name}
      </Label>
      <g class="has-key">
        <Key x={middle() - 46} y={props.y + 97} />
        <text x={middle() - 18} y={props.y + 102}>
          has the key
        </text>
      </g>
    </g>
  );
}

function Machine(props: { x: number; y: number; width: number; name: string; does: string }) {
  const middle = () => props.x + props.width / 2;
  return (
    <g>
      <rect class="part" x={props.x} y={props.y} width={props.width} height="106" rx="14" />
      <Label x={middle()} y={props.y + 32} strong onPart>
        {props.name}
      </Label>
      <Label x={middle()} y={props.y + 55} onPart>
        {props.does}
      </Label>
      <g class="no-key">
        <Key x={middle() - 32} y={props.y + 81} />
        <path d={`M${middle() - 38} ${props.y + 91}l24-20`} />
        <text x={middle() - 6} y={props.y + 86}>
          no key
        </text>
      </g>
    </g>
  );
}

function Label(props: { x: number; y: number; strong?: boolean; onPart?: boolean; children: JSX.Element }) {
  return (
    <text
      class="label"
      classList={{ strong: props.strong ?? false, 'on-part': props.onPart ?? false }}
      x={props.x}
      y={props.y}
    >
      {props.children}
    </text>
  );
}

/** 24 wide, its bow's left edge at `x` - 6, the shaft at height `y`. */
function Key(props: { x: number; y: number }) {
  return (
    <path
      class="key"
      d={`M${props.x - 6} ${props.y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0M${props.x + 6} ${props.y}h13v5M${props.x + 13} ${props.y}v4`}
    />
  );
}

function Envelope(props: { x: number; y: number }) {
  return (
    <g class="envelope">
      <rect x={props.x - 15} y={props.y - 10} width="30" height="20" rx="3" />
      <path d={`M${props.x - 14} ${props.y - 8}l14 10l14-10`} />
    </g>
  );
}

/** Two browsers in one network, with nothing in between. */
export function SameNetwork() {
  return (
    <Scene title="Two browsers in one network, joined by a direct line">
      <rect class="network" x="12" y="14" width="216" height="82" rx="16" />
      <path class="direct" d="M70 55h100" />
      <Dot x={56} name="A" />
      <Dot x={184} name="B" />
    </Scene>
  );
}

/** Two browsers behind routers of their own; each has asked for its public address. */
export function BehindRouters() {
  return (
    <Scene title="Two browsers behind a router each, joined by a direct line through both; each asks a STUN server above for its public address">
      <rect class="network" x="4" y="26" width="76" height="70" rx="16" />
      <rect class="network" x="160" y="26" width="76" height="70" rx="16" />
      <path class="sealed" d="M44 44C54 24 74 14 96 14M196 44C186 24 166 14 144 14" />
      <path class="direct" d="M50 61h140" />
      <text class="label small on-part" x="120" y="18">
        STUN
      </text>
      <Router x={80} />
      <Router x={160} />
      <Dot x={36} y={61} name="A" />
      <Dot x={204} y={61} name="B" />
    </Scene>
  );
}

/** Two browsers whose networks let nothing in; both reach the relay. */
export function BehindWalls() {
  return (
    <Scene title="Two browsers behind firewalls that block the direct line; both reach a relay between them, which joins them">
      <path class="blocked" d="M56 38h36M148 38h36" />
      <path class="wall" d="M92 14v48M148 14v48" />
      <path class="relayed" d="M50 50C70 84 84 92 98 92M190 50C170 84 156 92 142 92" />
      <rect class="part" x="96" y="78" width="48" height="28" rx="8" />
      <text class="label small on-part" x="120" y="97">
        Relay
      </text>
      <Dot x={40} y={38} name="A" />
      <Dot x={200} y={38} name="B" />
    </Scene>
  );
}

function Scene(props: { title: string; children: JSX.Element }) {
  return (
    <svg class="scene" viewBox="0 0 240 110" role="img" aria-label={props.title}>
      {props.children}
    </svg>
  );
}

function Dot(props: { x: number; y?: number; name: string }) {
  const y = () => props.y ?? 55;
  return (
    <g>
      <circle class="person" cx={props.x} cy={y()} r="15" />
      <text class="label on-person on-part" x={props.x} y={y() + 5}>
        {props.name}
      </text>
    </g>
  );
}

function Router(props: { x: number }) {
  return <rect class="router" x={props.x - 5} y="49" width="10" height="24" rx="3" />;
}

/** `people` dots on a circle, each joined to every other. The numbers stand beside it. */
export function Mesh(props: { people: number }) {
  const places = () =>
    Array.from({ length: props.people }, (_, index) => {
      const angle = (2 * Math.PI * index) / props.people - (props.people === 2 ? 0 : Math.PI / 2);
      return { x: Math.round(50 + 38 * Math.cos(angle)), y: Math.round(50 + 38 * Math.sin(angle)) };
    });
  const lines = () =>
    places()
      .flatMap((from, index) =>
        places()
          .slice(index + 1)
          .map((to) => `M${from.x} ${from.y}L${to.x} ${to.y}`),
      )
      .join('');
  return (
    <svg class="mesh" viewBox="0 0 100 100" aria-hidden="true">
      <path class="direct" d={lines()} />
      <For each={places()}>{(place) => <circle class="person" cx={place.x} cy={place.y} r="7" />}</For>
    </svg>
  );
}
