/**
 * Which screen there is and what it can do: home, lobby, call, about. Owns the life of media, preparation and call, each
 * released when its screen is left. Knows no words and no elements.
 */
import { type Accessor, batch, createRoot, createSignal, onCleanup } from 'solid-js';
import type { Call, PreparedCall } from '../call/call-types.ts';
import type { LocalMedia } from '../call/media/media-types.ts';
import {
  type CallStore,
  createCallStore,
  type LinkReport,
  type PictureOf,
  type ShownSize,
} from './call-model.ts';
import { type ChatModel, createChatModel } from './chat-model.ts';
import { createFilesModel, type FilesModel } from './files-model.ts';
import { createGesturesModel, type GesturesModel } from './gestures-model.ts';
import { createMediaModel, type MediaModel } from './media-model.ts';
import { createPointerModel, type PointerModel } from './pointer-model.ts';
import { createPreferences, type PreferenceStore } from './preferences.ts';
import { createScreenModel, type ScreenModel } from './screen-model.ts';
import { ABOUT_PATH, type Invitation, type LinkErrorCode, type Services } from './services.ts';

export { ABOUT_PATH };

export type LinkProblem =
  | { readonly code: LinkErrorCode }
  /** The link belongs to another server; `url` is where it leads. */
  | { readonly code: 'other-host'; readonly host: string; readonly url: string };

export interface HomeModel {
  readonly kind: 'home';
  /** What is wrong with the page's own address, or with the link last given to `joinLink`. */
  readonly problem: Accessor<LinkProblem | null>;
  start(): void;
  joinLink(input: string): void;
  about(): void;
}

/** "How it works". */
export interface AboutModel {
  readonly kind: 'about';
  /** The invitation one came with, as a link to its lobby; null when there is none. */
  readonly link: string | null;
  /** The section its address named when it opened, '' for none. */
  readonly section: string;
  toLobby(): void;
  goHome(): void;
}

export interface LobbyModel {
  readonly kind: 'lobby';
  readonly label: string;
  readonly media: MediaModel;
  readonly name: Accessor<string>;
  setName(name: string): void;
  readonly relayOnly: Accessor<boolean>;
  setRelayOnly(on: boolean): void;
  /** Whether a call found that this server has no relay. */
  readonly isRelayMissing: Accessor<boolean>;
  readonly password: Accessor<string>;
  setPassword(password: string): void;
  /** Starts deriving the keys for the password typed so far, so that `join` does not wait for it. */
  settlePassword(): void;
  join(): void;
  /** Leaves for "How it works", devices released; whoever comes back finds everything as chosen. */
  about(): void;
  goHome(): void;
}

export interface CallModel extends CallStore {
  readonly kind: 'call';
  /** Resolves when there is time to draw it, a tenth of a second after joining at the latest. */
  readonly underway: Promise<void>;
  readonly link: string;
  readonly label: string;
  readonly name: string;
  readonly relayOnly: boolean;
  /** Whether nobody can be reached because only a relay may be used, and the server has none. */
  readonly isCutOff: Accessor<boolean>;
  readonly hasPassword: boolean;
  readonly media: MediaModel;
  readonly chat: ChatModel;
  readonly screen: ScreenModel;
  readonly gestures: GesturesModel;
  readonly files: FilesModel;
  readonly pointer: PointerModel;
  /** Loudness of a peer now, 0 to 1. Not reactive. */
  level(peerKey: string): number;
  /** How large a peer's picture is shown now. */
  setShown(peerKey: string, of: PictureOf, size: ShownSize): void;
  /** What the browser measured on the link to a peer; null where there is none. Rates are since it was asked last. */
  report(peerKey: string): Promise<LinkReport | null>;
  retry(): void;
  /** Whether this person went back or elsewhere, and is to say whether they mean to leave. The call goes on meanwhile. */
  readonly isLeaving: Accessor<boolean>;
  stay(): void;
  /** Also goes where they were going. */
  leave(): void;
  joinAgain(): void;
  /** Joins again, and lets the others see this network's address. */
  joinDirectly(): void;
  /** Back to the lobby of the same invitation, to give another password for instance. */
  toLobby(): void;
  goHome(): void;
}

export type View = HomeModel | LobbyModel | CallModel | AboutModel;

export interface AppModel {
  readonly view: Accessor<View>;
  readonly shortcuts: Accessor<boolean>;
  setShortcuts(on: boolean): void;
  /** Leaves whatever is running. For the end of the page. */
  leave(): void;
}

interface Carried {
  readonly password: string;
  readonly relayOnly: boolean;
  readonly wanted: { readonly microphone: boolean; readonly camera: boolean };
}

const FRESH: Carried = { password: '', relayOnly: false, wanted: { microphone: true, camera: true } };

/** Needs a Solid owner, whose disposal leaves the call and releases the devices. */
export function createApp(services: Services): AppModel {
  const preferences = createPreferences(services.storage);
  const [shortcuts, setShortcuts] = createSignal(preferences.current().shortcuts);
  const [isRelayMissing, setRelayMissing] = createSignal(false);
  const { address } = services;

  // What the current screen holds; called when another one takes its place.
  let release = () => {};
  let current: Invitation | null = null;
  let leaveCall = () => {};
  let askToLeave = () => {};
  let isCallEntry = address.isCall();
  /** What was chosen in a lobby that was left to read how it works. */
  let setAside: { readonly secretText: string; readonly choices: Carried } | null = null;
  let chosenInLobby: () => typeof setAside = () => null;

  const [view, setView] = createSignal<View>(route());
  const show = (make: () => View) => {
    release();
    release = () => {};
    leaveCall = () => {};
    askToLeave = () => {};
    chosenInLobby = () => null;
    setView(make());
  };

  const enterInvitation = (invitation: Invitation) =>
    address.enter(services.formatInvitation(address.origin, invitation));

  function enterCall(link: string): void {
    address.enterCall(link);
    isCallEntry = true;
  }

  /** Whether the address is this invitation, however it is written. */
  function isAt({ secretText }: Invitation): boolean {
    const parsed = services.parseInvitation(address.href());
    return !isAbout() && parsed.ok && parsed.invitation.secretText === secretText;
  }

  function isAbout(): boolean {
    return new URL(address.href()).pathname === ABOUT_PATH;
  }

  function route(): View {
    if (isAbout()) return about();
    const parsed = services.parseInvitation(address.href());
    if (parsed.ok) return lobby(parsed.invitation, choicesFor(parsed.invitation));
    return home(parsed.code === 'empty' ? null : { code: parsed.code });
  }

  /** For the lobby of an invitation; a password is not kept for longer than until the next lobby. */
  function choicesFor({ secretText }: Invitation): Carried {
    const choices = setAside?.secretText === secretText ? setAside.choices : FRESH;
    setAside = null;
    return choices;
  }

  /** Its fragment is a section or, in a link somebody made by hand, an invitation: that one is kept out of sight. */
  function about(): AboutModel {
    current = null;
    const { hash } = new URL(address.href());
    const given = services.parseInvitation(hash);
    if (given.ok) address.keep(services.formatInvitation(address.origin, given.invitation));
    const kept = services.parseInvitation(address.kept() ?? '');
    const link = kept.ok ? services.formatInvitation(address.origin, kept.invitation) : null;
    return {
      kind: 'about',
      link,
      section: given.ok ? '' : hash.slice(1),
      toLobby: () => link !== null && address.enter(link),
      goHome: () => address.clear(),
    };
  }

  function home(first: LinkProblem | null): HomeModel {
    current = null;
    const [problem, setProblem] = createSignal(first);
    return {
      kind: 'home',
      problem,
      start: () => enterInvitation(services.createInvitation()),
      joinLink(input) {
        const elsewhere = otherHost(input, address.origin);
        const parsed = services.parseInvitation(input);
        if (!parsed.ok) setProblem({ code: parsed.code });
        else if (elsewhere) setProblem({ code: 'other-host', host: elsewhere.host, url: elsewhere.href });
        else enterInvitation(parsed.invitation);
      },
      about: () => address.openAbout(null),
    };
  }

  function lobby(invitation: Invitation, carried: Carried): LobbyModel {
    current = invitation;
    const local = services.createLocalMedia({ deviceIds: deviceIds(preferences), wanted: carried.wanted });
    let preparedPassword = carried.password;
    let prepared: PreparedCall | null = services.prepareCall(invitation.secret, preparedPassword);
    return createRoot((dispose) => {
      const media = createMediaModel(local, preferences);
      const [name, setName] = createSignal(preferences.current().name);
      const [relayOnly, setRelayOnly] = createSignal(carried.relayOnly);
      const [password, setPassword] = createSignal(carried.password);
      const prepare = () => {
        if (prepared && preparedPassword === password()) return prepared;
        prepared?.discard();
        preparedPassword = password();
        prepared = services.prepareCall(invitation.secret, preparedPassword);
        return prepared;
      };
      release = () => {
        dispose();
        prepared?.discard();
        local.close();
      };
      chosenInLobby = () => {
        const { microphone, camera } = local.snapshot();
        const wanted = { microphone: microphone.wanted, camera: camera.wanted };
        const choices = { password: password(), relayOnly: relayOnly(), wanted };
        return { secretText: invitation.secretText, choices };
      };
      return {
        kind: 'lobby',
        label: invitation.label,
        media,
        name,
        setName(next) {
          setName(next);
          preferences.update({ name: next });
        },
        relayOnly,
        setRelayOnly,
        isRelayMissing,
        password,
        setPassword,
        settlePassword: () => void prepare(),
        about: () => address.openAbout(services.formatInvitation(address.origin, invitation)),
        goHome: () => address.clear(),
        join() {
          // What could not be had was told here. Whoever joins all the same goes without it, and may ask again later.
          for (const kind of ['microphone', 'camera'] as const) {
            const { wanted, status } = local.snapshot()[kind];
            if (wanted && status !== 'on' && status !== 'starting') local.setWanted(kind, false);
          }
          const call = prepare().join({ name: name().trim(), relayOnly: relayOnly(), media: local });
          const choices = { password: password(), relayOnly: relayOnly() };
          // The call takes both over.
          prepared = null;
          release = dispose;
          enterCall(services.formatInvitation(address.origin, invitation));
          show(() => running(invitation, call, local, choices, name().trim()));
        },
      };
    });
  }

  function running(
    invitation: Invitation,
    call: Call,
    local: LocalMedia,
    choices: Omit<Carried, 'wanted'>,
    name: string,
  ): CallModel {
    return createRoot((dispose) => {
      const store = createCallStore(call);
      const media = createMediaModel(local, preferences);
      const screen = createScreenModel(call.screen);
      const gestures = createGesturesModel(call, store.notices);
      const files = createFilesModel(call);
      const chat = createChatModel(call.chat);
      const look = () => {
        const { phase, hasRelay } = call.snapshot();
        if (phase === 'ended') local.close();
        if (hasRelay !== null) setRelayMissing(!hasRelay);
      };
      onCleanup(call.subscribe(look));
      look();
      leaveCall = () => {
        call.leave();
        local.close();
      };
      release = () => {
        leaveCall();
        dispose();
      };
      const link = services.formatInvitation(address.origin, invitation);
      const [isLeaving, setLeaving] = createSignal(false);
      let isGoingOn = false;
      askToLeave = () => {
        isGoingOn = !isAt(invitation);
        // Nobody is kept: what they came to is right below, and one press goes there.
        enterCall(link);
        setLeaving(true);
      };
      const stay = () => {
        isGoingOn = false;
        setLeaving(false);
      };
      const joinAs = (carried: Carried) =>
        batch(() => {
          const next = replaced(() => lobby(invitation, carried));
          next.join();
        });
      const carry = (): Carried => {
        const snapshot = local.snapshot();
        return {
          ...choices,
          wanted: { microphone: snapshot.microphone.wanted, camera: snapshot.camera.wanted },
        };
      };
      return {
        kind: 'call',
        underway: call.underway,
        ...store,
        link,
        label: invitation.label,
        name,
        relayOnly: choices.relayOnly,
        isCutOff: () => choices.relayOnly && store.view.hasRelay === false,
        hasPassword: choices.password !== '',
        media,
        chat,
        screen,
        pointer: createPointerModel(call, store, screen),
        gestures,
        files,
        level: (key) => call.level(key),
        setShown: (key, of, size) => call.setShown(key, of, size),
        report: (key) => call.report(key),
        retry: () => call.retry(),
        isLeaving,
        stay,
        leave() {
          leaveCall();
          if (isGoingOn) address.back();
          stay();
        },
        joinAgain: () => joinAs(carry()),
        joinDirectly: () => joinAs({ ...carry(), relayOnly: false }),
        toLobby() {
          const carried = carry();
          show(() => lobby(invitation, carried));
        },
        goHome: () => address.clear(),
      };
    });
  }

  function replaced(make: () => LobbyModel): LobbyModel {
    let made: LobbyModel | null = null;
    show(() => {
      made = make();
      return made;
    });
    if (!made) throw new Error('no lobby');
    return made;
  }

  onCleanup(
    address.onChange(() => {
      const shown = view();
      const wasCall = isCallEntry;
      isCallEntry = address.isCall();
      const isSame = current !== null && isAt(current);
      if (shown.kind === 'call' && !shown.view.endCode) {
        if (!isSame || !isCallEntry) askToLeave();
      } else if (isAbout()) {
        // From section to section the browser scrolls by itself.
        if (shown.kind === 'about' && !services.parseInvitation(new URL(address.href()).hash).ok) return;
        setAside = chosenInLobby();
        show(route);
      } else if (!isSame) show(route);
      else if (shown.kind === 'call') shown.toLobby();
      // Back, over the entry of a call that is over, to the lobby one is in already.
      else if (wasCall && !isCallEntry) address.back();
    }),
  );
  onCleanup(() => release());

  return {
    view,
    shortcuts,
    setShortcuts(on) {
      setShortcuts(on);
      preferences.update({ shortcuts: on });
    },
    leave: () => leaveCall(),
  };
}

function deviceIds(preferences: PreferenceStore) {
  const { microphoneId, cameraId, speakerId } = preferences.current();
  return { microphone: microphoneId, camera: cameraId, speaker: speakerId };
}

function otherHost(input: string, origin: string): URL | null {
  const text = input.trim();
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.origin !== origin ? url : null;
}
