import { build } from 'esbuild';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Call } from '../../app/call/call-types.ts';
import { createChat } from '../../app/call/channels/chat.ts';
import { createPointers } from '../../app/call/channels/pointers.ts';
import { createRaisedHands } from '../../app/call/channels/raised-hands.ts';
import { createReactions } from '../../app/call/channels/reactions.ts';
import { createFiles } from '../../app/call/files/files.ts';
import type { TransferSnapshot } from '../../app/call/files/files-types.ts';
import type { LocalMedia, LocalMediaSnapshot, SourceStatus } from '../../app/call/media/media-types.ts';
import type { OwnScreen } from '../../app/call/media/screen-types.ts';
import { createSubject } from '../../app/call/observable.ts';
import { Scope } from '../../app/call/scope.ts';
import type { CallSnapshot, EndCode, PeerSnapshot } from '../../app/call/snapshot.ts';
import { createInvitation, formatInvitation, parseInvitation } from '../../app/crypto/link.ts';
import type * as AppModels from '../../app/state/app-model.ts';
import { ABOUT_PATH, type Address, type LocalMediaChoices } from '../../app/state/services.ts';
import { SECTIONS } from '../../app/ui/about-sections.ts';
import { fakeTransfer } from '../fixtures/ui-fixture/transfer.ts';

type Models = typeof AppModels & { createRoot<T>(make: (dispose: () => void) => T): T };

let models: Models;

beforeAll(async () => {
  // In Node solid-js means its server build, which is not reactive: bundle what a browser would get.
  const { outputFiles } = await build({
    stdin: {
      contents: `export * from './app/state/app-model.ts'; export { createRoot } from 'solid-js';`,
      resolveDir: `${import.meta.dirname}/../..`,
    },
    bundle: true,
    write: false,
    format: 'esm',
    conditions: ['browser'],
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  models = await import(/* @vite-ignore */ `data:text/javascript;base64,${code}`);
});

const ORIGIN = 'https://parley.example';

/** A browser's history by the contract of `Address`, with `back` and `forward` as its buttons. */
function fakeAddress(start: string) {
  interface Entry {
    readonly href: string;
    readonly kept: string | null;
    readonly call: boolean;
  }
  let entries: Entry[] = [{ href: start, kept: null, call: false }];
  let at = 0;
  const listeners = new Set<() => void>();
  const entry = () => entries[at] ?? { href: '', kept: null, call: false };
  const announce = () => {
    for (const listener of [...listeners]) listener();
  };
  const push = (href: string, kept: string | null, call: boolean) => {
    entries = [...entries.slice(0, at + 1), { href, kept, call }];
    at += 1;
  };
  const go = (href: string, kept: string | null = null) => {
    push(href, kept, false);
    announce();
  };
  const traverse = (step: number) => {
    if (!entries[at + step]) throw new Error('the history ends here');
    at += step;
    announce();
  };
  const address: Address = {
    origin: ORIGIN,
    href: () => entry().href,
    enter: (url) => go(url),
    clear: () => go(`${ORIGIN}/`),
    openAbout: (invitation) => go(`${ORIGIN}${ABOUT_PATH}`, invitation),
    keep(invitation) {
      entries[at] = { href: `${ORIGIN}${ABOUT_PATH}`, kept: invitation, call: false };
    },
    kept: () => entry().kept,
    enterCall(url) {
      if (!entry().call || entry().href !== url) push(url, null, true);
    },
    isCall: () => entry().call,
    back: () => traverse(-1),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    ...address,
    go,
    traverse,
    forward: () => traverse(1),
    addresses: () => entries.map(({ href }) => href),
  };
}

function fakeMedia(choices: LocalMediaChoices, cameraStatus: SourceStatus) {
  const status = { microphone: 'on', camera: cameraStatus } as const;
  const wanted = { ...choices.wanted };
  const source = (kind: 'microphone' | 'camera') => ({
    wanted: wanted[kind],
    status: wanted[kind] ? status[kind] : ('off' as const),
    deviceId: choices.deviceIds[kind],
  });
  const snapshot = (): LocalMediaSnapshot => ({
    microphone: source('microphone'),
    camera: source('camera'),
    microphones: [],
    cameras: [],
    speakers: [],
    speakerId: choices.deviceIds.speaker,
    microphoneTrack: null,
    cameraTrack: null,
  });
  const subject = createSubject(snapshot());
  const close = vi.fn();
  const media: LocalMedia = {
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,
    setWanted(kind, on) {
      wanted[kind] = on;
      subject.set(snapshot());
    },
    selectDevice() {},
    selectSpeaker() {},
    level: () => 0,
    close,
  };
  return { media, close };
}

function fakeCall() {
  const subject = createSubject<CallSnapshot>({
    phase: 'joining',
    server: 'connecting',
    endCode: null,
    hasRelay: null,
    strangers: 0,
    peers: [],
  });
  const change = (changes: Partial<CallSnapshot>) => subject.set({ ...subject.snapshot(), ...changes });
  const end = (endCode: EndCode) => change({ phase: 'ended', endCode, peers: [] });
  const leave = vi.fn(() => end('left'));
  const screen = createSubject<OwnScreen>({ state: 'off', problem: null });
  const files = createFiles(
    new Scope(),
    () => '',
    () => '',
  );
  const transfers = createSubject<readonly TransferSnapshot[]>([]);
  const sendFiles = vi.fn<Call['files']['send']>(() => Promise.resolve(true));
  const call: Call = {
    underway: Promise.resolve(),
    screen: { ...screen, start() {}, stop() {}, setMode() {}, dismiss() {} },
    setShown() {},
    snapshot: subject.snapshot,
    subscribe: subject.subscribe,
    hands: createRaisedHands(() => '').face,
    files: { ...files.face, snapshot: transfers.snapshot, subscribe: transfers.subscribe, send: sendFiles },
    reactions: createReactions().face,
    chat: createChat({ scope: new Scope(), nameOf: (key) => key }),
    pointers: createPointers(() => '').face,
    level: () => 0,
    report: () => Promise.resolve(null),
    retry() {},
    leave,
  };
  return { call, change, end, leave, transfers, sendFiles };
}

function peer(key: string, changes: Partial<PeerSnapshot> = {}): PeerSnapshot {
  return {
    key,
    name: key,
    state: 'connected',
    confirmed: true,
    microphone: true,
    camera: true,
    route: 'direct',
    screen: null,
    streams: null,
    ...changes,
  };
}

function open(start = `${ORIGIN}/`, cameraStatus: SourceStatus = 'on') {
  const address = fakeAddress(start);
  const calls: ReturnType<typeof fakeCall>[] = [];
  const medias: ReturnType<typeof fakeMedia>[] = [];
  const prepared: { password: string; discarded: boolean }[] = [];
  const stored = new Map<string, string>();
  const { app, dispose } = models.createRoot((end) => ({
    dispose: end,
    app: models.createApp({
      prepareCall(_, password) {
        const entry = { password, discarded: false };
        prepared.push(entry);
        return {
          join() {
            const made = fakeCall();
            calls.push(made);
            return made.call;
          },
          discard() {
            entry.discarded = true;
          },
        };
      },
      createLocalMedia(choices) {
        const made = fakeMedia(choices, cameraStatus);
        medias.push(made);
        return made.media;
      },
      parseInvitation,
      createInvitation,
      formatInvitation,
      address,
      storage: {
        getItem: (key) => stored.get(key) ?? null,
        setItem: (key, value) => stored.set(key, value),
      },
    }),
  }));
  const screen = <K extends AppModels.View['kind']>(kind: K): Extract<AppModels.View, { kind: K }> => {
    const view = app.view();
    if (!isKind(view, kind)) throw new Error(`the screen is ${view.kind}, not ${kind}`);
    return view;
  };
  return { app, address, calls, medias, prepared, stored, dispose, screen };
}

function isKind<K extends AppModels.View['kind']>(
  view: AppModels.View,
  kind: K,
): view is Extract<AppModels.View, { kind: K }> {
  return view.kind === kind;
}

const invitation = () => formatInvitation(ORIGIN, createInvitation());

describe('the screens', () => {
  it('lead from home to the lobby of a fresh invitation that is in the address', () => {
    const { address, screen } = open();
    screen('home').start();
    screen('lobby');
    expect(parseInvitation(address.href()).ok).toBe(true);
  });

  it('say what is wrong with a link, and stay', () => {
    const { screen } = open();
    const problemWith = (input: string) => {
      screen('home').joinLink(input);
      return screen('home').problem()?.code;
    };
    expect(problemWith('')).toBe('empty');
    expect(problemWith('nonsense')).toBe('malformed');
    expect(problemWith(invitation().replace('#', '?'))).toBe('key-in-query-or-path');
    expect(problemWith(invitation().replace(ORIGIN, 'https://elsewhere.example'))).toBe('other-host');
  });

  it('say what is wrong with the address a page was opened at', () => {
    expect(open(`${ORIGIN}/#short`).screen('home').problem()?.code).toBe('malformed');
  });

  it('release devices and keys when the lobby is left', () => {
    const { address, medias, prepared, screen } = open(invitation());
    address.clear();
    screen('home');
    expect(medias[0]?.close).toHaveBeenCalled();
    expect(prepared[0]?.discarded).toBe(true);
  });

  it('keep the lobby when the same invitation is written another way', () => {
    const url = invitation();
    const { address, app } = open(url);
    const before = app.view();
    address.go(`${url}/Tuesday`);
    expect(app.view()).toBe(before);
  });

  it('leave the call when the page ends', () => {
    const { calls, medias, screen, dispose } = open(invitation());
    screen('lobby').join();
    screen('call');
    dispose();
    expect(calls[0]?.leave).toHaveBeenCalled();
    expect(medias[0]?.close).toHaveBeenCalled();
  });
});

describe('going back from a call', () => {
  function inCall(start = `${ORIGIN}/`) {
    const opened = open(start);
    if (start === `${ORIGIN}/`) opened.screen('home').start();
    const url = opened.address.href();
    opened.screen('lobby').join();
    opened.calls[0]?.change({ phase: 'joined', server: 'connected' });
    return { ...opened, url, left: () => opened.calls[0]?.leave.mock.calls.length };
  }

  it('asks first, with the call and its address as they were, and staying changes nothing', () => {
    const { address, screen, url, left } = inCall();
    const before = address.addresses();
    for (let time = 0; time < 2; time += 1) {
      address.back();
      expect([screen('call').isLeaving(), address.href(), left()]).toEqual([true, url, 0]);
      screen('call').stay();
      expect(screen('call').isLeaving()).toBe(false);
    }
    expect(address.addresses()).toEqual(before);
  });

  it('and leaving says that the call is over; further back are its lobby and what was before it', () => {
    const { address, screen, url, left } = inCall();
    address.back();
    screen('call').leave();
    expect(left()).toBe(1);
    expect(screen('call').view.endCode).toBe('left');
    address.back();
    expect([screen('lobby').kind, address.href()]).toEqual(['lobby', url]);
    address.back();
    screen('home');
    address.forward();
    screen('lobby');
    address.forward();
    screen('lobby');
  });

  it('to something else leads there once one has left, and there alone', () => {
    const other = invitation();
    for (const elsewhere of ['home', 'other', 'about'] as const) {
      const { address, screen, url, left, calls } = inCall();
      if (elsewhere === 'home') address.traverse(-2);
      else address.go(elsewhere === 'other' ? other : `${ORIGIN}${ABOUT_PATH}`);
      expect([screen('call').isLeaving(), address.href(), left()]).toEqual([true, url, 0]);
      screen('call').leave();
      expect(left()).toBeGreaterThan(0);
      screen(elsewhere === 'other' ? 'lobby' : elsewhere);
      if (elsewhere === 'other') expect(address.href()).toBe(other);
      expect(calls).toHaveLength(1);
    }
  });

  it('and staying, then leaving by the button, goes nowhere', () => {
    const { address, screen } = inCall();
    address.go(invitation());
    screen('call').stay();
    screen('call').leave();
    expect(screen('call').view.endCode).toBe('left');
  });

  it('makes no second entry for a call that is joined again, and passes over that of one left for its lobby', () => {
    const { address, screen, calls } = inCall();
    const before = address.addresses();
    screen('call').leave();
    screen('call').joinAgain();
    expect([calls.length, address.addresses()]).toEqual([2, before]);
    screen('call').toLobby();
    screen('lobby');
    address.back();
    screen('home');
  });
});

describe('how it works', () => {
  const about = `${ORIGIN}/about`;

  it('has an address of its own, with the section it names', () => {
    expect(open(about).screen('about')).toMatchObject({ link: null, section: '' });
    expect(open(`${about}#limits`).screen('about')).toMatchObject({ link: null, section: 'limits' });
  });

  it('is left for home, and by the back button for wherever one came from', () => {
    const { screen, address } = open();
    screen('home').about();
    expect(address.href()).toBe(about);
    screen('about').goHome();
    screen('home');
    address.back();
    screen('about');
    address.back();
    screen('home');
  });

  it('keeps the invitation of the lobby it was opened from, and its address shows no key', () => {
    const url = invitation();
    const { screen, address, medias, prepared } = open(url);
    screen('lobby').about();
    expect(screen('about').link).toBe(url);
    expect(address.href()).toBe(about);
    expect(medias[0]?.close).toHaveBeenCalled();
    expect(prepared[0]?.discarded).toBe(true);
    screen('about').toLobby();
    screen('lobby');
    expect(address.href()).toBe(url);
  });

  it('gives back the lobby as it was left, to nobody but the same invitation', () => {
    const opened = open(invitation());
    const leave = () => {
      const lobby = opened.screen('lobby');
      lobby.setPassword('swordfish');
      lobby.setRelayOnly(true);
      lobby.media.setWanted('camera', false);
      lobby.about();
    };
    const returned = () => {
      const lobby = opened.screen('lobby');
      return [lobby.password(), lobby.relayOnly(), lobby.media.source('camera').wanted];
    };
    leave();
    opened.screen('about').toLobby();
    expect(returned()).toEqual(['swordfish', true, false]);
    leave();
    opened.address.back();
    expect(returned()).toEqual(['swordfish', true, false]);
    leave();
    opened.address.go(invitation());
    expect(returned()).toEqual(['', false, true]);
  });

  it('takes an invitation out of its own fragment', () => {
    const url = invitation();
    const { screen, address } = open(url.replace('/#', '/about#'));
    expect(screen('about')).toMatchObject({ link: url, section: '' });
    expect(address.href()).toBe(about);
    const other = invitation();
    address.go(other.replace('/#', '/about#'));
    expect(screen('about').link).toBe(other);
  });

  it('stays when only the section changes', () => {
    const { app, address } = open(about);
    const before = app.view();
    address.go(`${about}#limits`);
    expect(app.view()).toBe(before);
  });

  it('has no section whose name is an invitation', () => {
    for (const { id } of SECTIONS) expect(parseInvitation(`#${id}`).ok).toBe(false);
  });
});

describe('the lobby', () => {
  it('remembers the name, and nothing of the invitation', () => {
    const url = invitation();
    const { screen, stored } = open(url);
    screen('lobby').setName('Amina');
    screen('lobby').setPassword('swordfish');
    screen('lobby').join();
    const kept = [...stored.values()].join();
    expect(kept).toContain('Amina');
    expect(kept).not.toContain('swordfish');
    expect(kept).not.toContain(url.split('#')[1]);
  });

  it('prepares anew for another password, and throws the old preparation away', () => {
    const { screen, prepared } = open(invitation());
    screen('lobby').setPassword('swordfish');
    screen('lobby').settlePassword();
    screen('lobby').join();
    expect(prepared).toEqual([
      { password: '', discarded: true },
      { password: 'swordfish', discarded: false },
    ]);
  });

  it('lets one join without what could not be had, and asks no more for it', () => {
    const { screen } = open(invitation(), 'blocked');
    expect(screen('lobby').media.source('camera').status).toBe('blocked');
    screen('lobby').join();
    expect(screen('call').media.source('camera')).toMatchObject({ wanted: false, status: 'off' });
    expect(screen('call').media.source('microphone')).toMatchObject({ wanted: true, status: 'on' });
  });
});

describe('the call', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function joined() {
    const opened = open(invitation());
    opened.screen('lobby').join();
    const call = opened.calls[0] as ReturnType<typeof fakeCall>;
    call.change({ phase: 'joined', server: 'connected' });
    return { ...opened, call };
  }

  it('shows a tile only for those who were confirmed', () => {
    const { call, screen } = joined();
    call.change({ peers: [peer('a'), peer('b', { confirmed: false, state: 'connecting' })] });
    expect(screen('call').tiles()).toMatchObject([{ key: 'a' }]);
    expect(screen('call').view.peers).toHaveLength(2);
    call.change({ peers: [peer('b')] });
    expect(screen('call').tiles()).toMatchObject([{ key: 'b' }]);
  });

  it('tells once of everything that a person should hear of, and forgets it after a while', () => {
    const { call, screen } = joined();
    const told = () => {
      const list = screen('call')
        .notices.shown()
        .map((notice) => ('kind' in notice ? `${notice.name} ${notice.kind}`.trim() : notice.says));
      vi.advanceTimersByTime(10_000);
      expect(screen('call').notices.shown()).toEqual([]);
      return list;
    };
    call.change({ peers: [peer('a', { confirmed: false, state: 'connecting' })] });
    expect(told()).toEqual([]);
    call.change({ peers: [peer('a')] });
    expect(told()).toEqual(['a joined']);
    call.change({ peers: [peer('a', { microphone: false })] });
    expect(told()).toEqual(['a muted']);
    call.change({ peers: [peer('a')] });
    expect(told()).toEqual(['a unmuted']);
    call.change({ peers: [peer('a', { state: 'reconnecting' })] });
    expect(told()).toEqual(['a reconnecting']);
    call.change({ peers: [peer('a', { state: 'unreachable' })] });
    expect(told()).toEqual(['a unreachable']);
    call.change({ peers: [peer('a')] });
    expect(told()).toEqual(['a reconnected']);
    call.change({ server: 'away' });
    expect(told()).toEqual(['server-away']);
    call.change({ server: 'connected' });
    expect(told()).toEqual(['server-back']);
    call.change({ peers: [] });
    expect(told()).toEqual(['a left']);
  });

  it('shows a few notices at a time, all of them in order, and each for long enough to be read', () => {
    const { screen } = joined();
    const { notices } = screen('call');
    const said = () => notices.shown().map((notice) => ('says' in notice ? notice.says : ''));
    for (let index = 1; index <= 5; index += 1) notices.post({ says: `${index}` });
    expect(said()).toEqual(['1', '2', '3']);
    vi.advanceTimersByTime(1_900);
    expect(said()).toEqual(['1', '2', '3']);
    vi.advanceTimersByTime(200);
    expect(said()).toEqual(['3', '4', '5']);
    vi.advanceTimersByTime(5_000);
    expect(said()).toEqual(['4', '5']);
    vi.advanceTimersByTime(2_000);
    expect(said()).toEqual([]);
  });

  it('bounds what waits to be said, and lets the latest about one thing stand for all', () => {
    const { screen } = joined();
    const { notices } = screen('call');
    const said = () => notices.shown().map((notice) => ('says' in notice ? notice.says : ''));
    for (let index = 1; index <= 1_000; index += 1) notices.post({ says: `${index}` });
    const seen = new Set(said());
    for (let seconds = 0; seconds < 120; seconds += 1) {
      for (const says of said()) seen.add(says);
      vi.advanceTimersByTime(1_000);
    }
    expect(seen.size).toBeLessThanOrEqual(30);
    expect([...seen].at(-1)).toBe('1000');
    expect(said()).toEqual([]);

    for (let index = 1; index <= 9; index += 1)
      notices.post({ says: `${index} messages`, about: 'messages' });
    expect(said()).toEqual(['9 messages']);
  });

  it('says quiet notices at once, whoever waits, and bounds them too', () => {
    const { call, screen } = joined();
    const { notices } = screen('call');
    for (let index = 1; index <= 9; index += 1) notices.post({ says: `${index}` });
    call.change({ peers: Array.from({ length: 50 }, (_, index) => peer(`p${index}`)) });
    call.change({
      peers: Array.from({ length: 50 }, (_, index) => peer(`p${index}`, { microphone: false })),
    });
    const quiet = notices.shown().filter((notice) => notice.quiet);
    expect(quiet.map((notice) => notice.name)).toContain('p49');
    expect(notices.shown().length).toBeLessThanOrEqual(11);
  });

  it('knows at once when only a relay may be used and there is none, and joins again without', () => {
    const { calls, prepared, screen } = open(invitation());
    screen('lobby').setRelayOnly(true);
    expect(screen('lobby').isRelayMissing()).toBe(false);
    screen('lobby').join();
    expect(screen('call').isCutOff()).toBe(false);
    calls[0]?.change({ phase: 'joined', server: 'connected', hasRelay: false });
    expect(screen('call').isCutOff()).toBe(true);
    screen('call').joinDirectly();
    expect(calls[0]?.leave).toHaveBeenCalled();
    calls[1]?.change({ phase: 'joined', server: 'connected', hasRelay: false });
    expect([screen('call').relayOnly, screen('call').isCutOff(), prepared.length]).toEqual([false, false, 2]);
    screen('call').toLobby();
    expect([screen('lobby').isRelayMissing(), screen('lobby').relayOnly()]).toEqual([true, false]);
    screen('lobby').setRelayOnly(true);
    screen('lobby').join();
    calls[2]?.change({ hasRelay: true });
    expect([screen('call').relayOnly, screen('call').isCutOff()]).toEqual([true, false]);
  });

  it('makes a draft of a message again beside what was written, and what was for one person stays theirs', () => {
    const { screen } = joined();
    const { chat } = screen('call');
    const noor = { key: 'noor', name: 'Noor' };
    const message = { kind: 'message', id: '1', from: null, atMs: 0, writtenAtMs: 0, text: 'psst' } as const;
    chat.setDraft('Hello');
    chat.writeAgain({ ...message, privateWith: noor });
    expect([chat.draft(), chat.recipient()]).toEqual(['Hello\npsst', noor]);
    chat.writeAgain({ ...message, privateWith: null });
    expect(chat.recipient()).toEqual(noor);
    // Who is not here is sent nothing, and neither is anybody else.
    expect(chat.send()).toBe('nobody');
  });

  it('offers files to everybody with a tile, also while their link is mended, and says when there is nobody', async () => {
    const { call, screen } = joined();
    const { change, sendFiles } = call;
    change({ peers: [peer('anna', { confirmed: false, state: 'connecting' })] });
    expect(await screen('call').files.send([], null)).toBe('nobody');
    change({
      peers: [peer('anna', { confirmed: false }), peer('ben', { state: 'reconnecting' }), peer('cleo')],
    });
    expect(await screen('call').files.send([], 'anna')).toBe('nobody');
    expect(sendFiles).not.toHaveBeenCalled();
    expect(await screen('call').files.send([], null)).toBe('offered');
    expect(await screen('call').files.send([], 'ben')).toBe('offered');
    expect(sendFiles.mock.calls.map(([, keys]) => keys)).toEqual([['ben', 'cleo'], ['ben']]);
    sendFiles.mockResolvedValue(false);
    expect(await screen('call').files.send([], null)).toBe('not-loaded');
  });

  it('knows of a transfer whether its person is here as they come and go, though nothing happens to it', () => {
    const { call, screen } = joined();
    const { change, transfers } = call;
    change({ peers: [peer('ben')] });
    transfers.set([fakeTransfer({ peerKey: 'ben', state: 'waiting' })]);
    const ben = () =>
      screen('call').files.transfers.map(({ peerName, isPeerHere }) => [peerName, isPeerHere]);
    expect(ben()).toEqual([['ben', true]]);
    change({ peers: [] });
    expect(ben()).toEqual([['ben', false]]);
    transfers.set([fakeTransfer({ peerKey: 'ben', state: 'waiting', newcomers: ['cleo'] })]);
    const newcomers = () => screen('call').files.transfers.map((one) => one.newcomers);
    expect(newcomers()).toEqual([[]]);
    change({ peers: [peer('cleo')] });
    expect(newcomers()).toEqual([[{ key: 'cleo', name: 'cleo' }]]);
    change({ peers: [peer('ben')] });
    expect(ben()).toEqual([['ben', true]]);
  });

  it('turns camera and microphone off when it ends, whoever ended it', () => {
    const { call, medias } = joined();
    call.end('room-full');
    expect(medias[0]?.close).toHaveBeenCalled();
  });

  it('can be joined again as one was, and left for the lobby or for home', () => {
    const { calls, screen } = joined();
    screen('call').media.setWanted('camera', false);
    screen('call').leave();
    expect(screen('call').view.endCode).toBe('left');
    screen('call').joinAgain();
    expect(calls).toHaveLength(2);
    expect(screen('call').media.source('camera').wanted).toBe(false);
    screen('call').toLobby();
    expect(screen('lobby').media.source('camera').wanted).toBe(false);
    screen('lobby').join();
    screen('call').leave();
    screen('call').goHome();
    screen('home');
  });
});
