/**
 * Real browsers for the end-to-end tests: starts Chromium with fake devices, opens people in contexts of their own, and
 * reads what their peer connections decoded. Knows the accessible names of the screens (the project's interface) and
 * nothing of the code behind them.
 */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  `--disable-features=${[
    // Host candidates are loopback addresses here, and mDNS names need a network that tests do not have.
    'WebRtcHideLocalIpsWithMdns',
    // Pages of the browser's own for an address bar that nobody sees: half of what opening a person costs.
    'WebUIOmniboxPopup',
    'WebUIOmniboxAimPopup',
    // What asks servers of the browser's maker. Playwright's own list of features is lost to this one.
    'AimEnabled',
    'NetworkTimeServiceQuerying',
    'OptimizationHints',
    'PreconnectToSearch',
  ].join(',')}`,
];

/** Of a switch that is given twice, Chromium takes the last: `more` overrides what is above. */
export function launchBrowser(
  more: readonly string[] = [],
  without: readonly string[] = [],
): Promise<Browser> {
  const args = [...FLAGS.filter((flag) => !without.includes(flag)), ...more];
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args, timeout: PATIENCE_MS });
}

/** How long anything is waited for: a guard against hanging, not a measure of how fast it should be. */
export const PATIENCE_MS = 60_000;

export interface OpenOptions {
  /** What the browser allows, camera and microphone by default. */
  readonly permissions?: readonly string[];
  /** Run in the page before its scripts, each self-contained. */
  readonly init?: (() => void) | readonly (() => void)[];
  /**
   * There is no camera, false by default. For where pictures are not the matter: each is encoded and decoded once for every
   * pair of people, and a dozen of them are a small machine's whole work.
   */
  readonly voiceOnly?: boolean;
}

export interface JoinOptions {
  readonly relayOnly?: boolean;
  readonly password?: string;
}

/** Of the screen that `fakeScreen` shares, in pixels. */
export const SCREEN = { width: 640, height: 400 } as const;

export interface LinkSample {
  readonly connection: RTCPeerConnectionState;
  readonly framesDecoded: number;
  readonly audioSamples: number;
  readonly localType: string;
  readonly remoteType: string;
  /** How the local relay candidate reaches its relay: udp, tcp or tls; empty without one. */
  readonly relayProtocol: string;
  /** Offers and answers set so far, of either side. */
  readonly descriptions: number;
}

export interface Person {
  readonly name: string;
  /** Opened without a camera: nobody waits for pictures of them. */
  readonly voiceOnly?: boolean;
  readonly page: Page;
  readonly context: BrowserContext;
  /** Every address asked for so far, sockets included. */
  readonly requests: readonly string[];
  /** Errors on the console, uncaught errors and breaches of the Content-Security-Policy so far. */
  readonly problems: readonly string[];
  /** One sample per peer connection that is not closed. */
  links(): Promise<LinkSample[]>;
  join(options?: JoinOptions): Promise<void>;
  tile(name: string): ReturnType<Page['getByRole']>;
  close(): Promise<void>;
}

declare global {
  interface Window {
    parleyTestScreen?: MediaStream;
    /** Draws the screen that `fakeScreen` shares; grey without it. */
    parleyTestDraw?: (context: CanvasRenderingContext2D) => void;
    /** Peer connections in the order in which they were first described: they are made in advance, and not taken in order. */
    parleyTestLinks?: { pc: RTCPeerConnection; descriptions: number }[];
  }
}

/**
 * Runs in the page before its scripts: remembers peer connections that come into use, and keeps the fake camera small for
 * two cores.
 */
export function observe(): void {
  const links: { pc: RTCPeerConnection; descriptions: number }[] = [];
  window.parleyTestLinks = links;
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      const entry = { pc: this as RTCPeerConnection, descriptions: 0 };
      this.addEventListener('signalingstatechange', () => {
        if (entry.descriptions === 0) links.push(entry);
        entry.descriptions += 1;
      });
    }
  };
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const native = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) => {
    const video = constraints?.video;
    if (!video) return native(constraints);
    const asked = typeof video === 'object' ? video : {};
    return native({ ...constraints, video: { ...asked, width: 320, height: 240, frameRate: 10 } });
  };
}

/** Runs in the page before its scripts: there is no camera. */
export function absentCamera(): void {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const native = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) =>
    constraints?.video
      ? Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))
      : native(constraints);
}

/** Runs in the page before its scripts: whatever is chosen to be shared is a canvas of the size `SCREEN`. */
export function fakeScreen(): void {
  // A window that has no page yet has none.
  if (!navigator.mediaDevices) return;
  navigator.mediaDevices.getDisplayMedia = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 400;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    const draw = () => {
      context.fillStyle = '#d8d8d8';
      context.fillRect(0, 0, canvas.width, canvas.height);
      window.parleyTestDraw?.(context);
    };
    draw();
    setInterval(draw, 100);
    window.parleyTestScreen = canvas.captureStream(10);
    return Promise.resolve(window.parleyTestScreen);
  };
}

/** Runs in the page: puts breaches of the policy on the console, where `problems` finds them. */
function reportBreaches(): void {
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`policy breached: ${event.effectiveDirective} ${event.blockedURI}`);
  });
}

export async function openPerson(
  browser: Browser,
  url: string,
  name: string,
  options: OpenOptions = {},
): Promise<Person> {
  const context = await browser.newContext({
    permissions: [...(options.permissions ?? ['camera', 'microphone'])],
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(observe);
  await context.addInitScript(reportBreaches);
  const { voiceOnly = false } = options;
  if (voiceOnly) await context.addInitScript(absentCamera);
  for (const init of [options.init ?? []].flat()) await context.addInitScript(init);
  const page = await context.newPage();
  const requests: string[] = [];
  const problems: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(url);
  return {
    name,
    voiceOnly,
    page,
    context,
    requests,
    problems,
    links: () => page.evaluate(sampleLinks),
    async join(options = {}) {
      await page.getByRole('textbox', { name: 'Your name' }).fill(name);
      if (options.password !== undefined) {
        const field = page.getByRole('textbox', { name: 'Room password' });
        if (!(await field.isVisible())) await page.getByText('Room password').first().click();
        await field.fill(options.password);
      }
      if (options.relayOnly) await page.getByRole('switch', { name: 'Relay only' }).check();
      await page.getByRole('button', { name: 'Join', exact: true }).click();
      await page.getByRole('toolbar', { name: 'Call controls' }).waitFor();
    },
    tile: (peer) => page.getByRole('group', { name: new RegExp(`^${peer}(, muted)?$`) }),
    close: () => context.close(),
  };
}

export async function sampleLinks(): Promise<LinkSample[]> {
  const samples: LinkSample[] = [];
  for (const { pc, descriptions } of window.parleyTestLinks ?? []) {
    if (pc.connectionState === 'closed') continue;
    const entries = new Map<string, Record<string, unknown>>();
    (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
      entries.set(String(entry.id), entry);
    });
    let framesDecoded = 0;
    let audioSamples = 0;
    let localType = '';
    let remoteType = '';
    let relayProtocol = '';
    for (const entry of entries.values()) {
      if (entry.type === 'inbound-rtp') {
        framesDecoded += Number(entry.framesDecoded ?? 0);
        audioSamples += Number(entry.totalSamplesReceived ?? 0);
      }
      if (entry.type === 'transport') {
        const pair = entries.get(String(entry.selectedCandidatePairId));
        const local = entries.get(String(pair?.localCandidateId));
        localType = String(local?.candidateType ?? '');
        relayProtocol = String(local?.relayProtocol ?? '');
        remoteType = String(entries.get(String(pair?.remoteCandidateId))?.candidateType ?? '');
      }
    }
    samples.push({
      connection: pc.connectionState,
      framesDecoded,
      audioSamples,
      localType,
      remoteType,
      relayProtocol,
      descriptions,
    });
  }
  return samples;
}

/** Runs in the page: whether it offered or answered, link by link. */
export const rolesInPage = () =>
  (window.parleyTestLinks ?? []).flatMap(({ pc }) =>
    pc.connectionState === 'connected' ? [pc.currentLocalDescription?.type] : [],
  );

/** Long after the test. */
export const NEVER_MS = 1_000_000;

/**
 * From here on what these pages would wait `times[0][0]` for they wait `times[0][1]` for, and so on, in milliseconds: steps
 * of the ladder come sooner than they would, or not before a busy machine has done what they wait for.
 */
export async function setTimes(
  people: readonly Person[],
  times: readonly (readonly [ms: number, insteadMs: number])[],
): Promise<void> {
  for (const { page } of people)
    await page.evaluate((pairs) => {
      const instead = new Map(pairs);
      const native = window.setTimeout;
      window.setTimeout = ((run: () => void, ms = 0) => native(run, instead.get(ms) ?? ms)) as typeof native;
    }, times);
}

/** The first look at what flows; on a machine that decodes a frame a second each link needs a longer one. */
const FIRST_LOOK_MS = 400;

/**
 * Waits until every person has the tiles of `peers` others, and decodes audio from each of them and video from each who was
 * not opened `voiceOnly`, all within one look. Peers that are not among `people` are taken to have cameras. The tiles are
 * asked for because media may flow before a peer has proved who they are, and what is done in a call reaches those alone who
 * have.
 */
export async function waitForMedia(people: readonly Person[], peers: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  const look = () => Promise.all(people.map(sees));
  let before = await look();
  for (let lookMs = FIRST_LOOK_MS; ; ) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const now = await look();
    const complete = [...before, ...now].every(
      ({ tiles, links }) => tiles === peers && links.length === peers,
    );
    const flowing = now.every(({ links }, at) => {
      const earlier = before[at]?.links ?? [];
      const gaining = (what: 'audioSamples' | 'framesDecoded') =>
        links.filter((link, index) => link[what] > (earlier[index]?.[what] ?? Infinity)).length;
      const unseen = people.filter((other, index) => index !== at && other.voiceOnly).length;
      // No frames come from the unseen: where so many links bring some, those are the links to all the others.
      return gaining('audioSamples') === peers && gaining('framesDecoded') >= peers - unseen;
    });
    if (complete && flowing) return;
    if (Date.now() > deadline) throw new Error(`media does not flow: ${JSON.stringify(now)}`);
    lookMs = complete ? 2 * lookMs : FIRST_LOOK_MS;
    before = now;
  }
}

async function sees({ name, page, links }: Person) {
  // Each tile of somebody else's has one.
  const marks = page.getByRole('button', { name: /^Connection to /, includeHidden: true });
  return { name, tiles: await marks.count(), links: await links() };
}
