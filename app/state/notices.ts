/**
 * What is said in passing: who came, what arrived, what failed. Owns the order and the time each notice is shown; holds no
 * words of its own and draws nothing.
 */
import { type Accessor, createSignal, onCleanup } from 'solid-js';

/** What happened in the call. `name` is hostile text and empty for events of the server and own ones. */
export interface CallEvent {
  readonly kind:
    | 'joined'
    | 'left'
    | 'unreachable'
    | 'refused'
    | 'reconnecting'
    | 'reconnected'
    | 'muted'
    | 'unmuted'
    | 'sharing'
    | 'not-sharing'
    | 'server-away'
    | 'server-back'
    | 'hand-raised'
    | 'hand-lowered'
    | 'own-hand-raised'
    | 'own-too-fast'
    | 'reacted'
    | 'pointers-off'
    | 'pointers-on'
    | 'own-pointing'
    | 'own-nothing-to-point-at';
  readonly name: string;
  /** The place in the queue of a raised hand, the number of a reaction. */
  readonly detail?: number;
}

/** An event, or a sentence of `ui`'s that follows the name if there is one. */
export type Notice = Manner & (CallEvent | { readonly says: string; readonly name?: string });

interface Manner {
  /** Only for screen readers: the screen shows it already. Takes nobody's turn. */
  readonly quiet?: boolean;
  /** Takes the place of an earlier notice about the same, so that many make one. */
  readonly about?: string;
}

type Entry = Notice & { readonly id: number };
type Shown = Entry & { readonly sinceMs: number };

export interface Notices {
  /** To be drawn, oldest first. */
  readonly shown: Accessor<readonly Notice[]>;
  post(notice: Notice): void;
}

const MAX_SHOWN = 3;
const MAX_QUIET = 8;
const MAX_WAITING = 24;
/** A notice is shown for so long, and at the least for so long while others wait. */
const LIFE_MS = 6_000;
const LEAST_MS = 2_000;

/** Needs a Solid owner. */
export function createNotices(): Notices {
  const [shown, setShown] = createSignal<readonly Shown[]>([]);
  let waiting: readonly Entry[] = [];
  let nextId = 1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  function turn(): void {
    clearTimeout(timer);
    const now = performance.now();
    let list = shown().filter(({ sinceMs }) => now - sinceMs < LIFE_MS);
    while (waiting.length > 0 && makeWay()) {
      const [next, ...rest] = waiting;
      waiting = rest;
      if (next) list = [...list, { ...next, sinceMs: now }];
    }
    setShown(list);
    const [first] = waiting.length > 0 ? list.filter(isLoud) : list;
    if (first) timer = setTimeout(turn, first.sinceMs + (waiting.length > 0 ? LEAST_MS : LIFE_MS) - now + 1);

    function makeWay(): boolean {
      const loud = list.filter(isLoud);
      const [oldest] = loud;
      if (loud.length < MAX_SHOWN || !oldest) return true;
      if (now - oldest.sinceMs < LEAST_MS) return false;
      list = list.filter((notice) => notice !== oldest);
      return true;
    }
  }

  return {
    shown,
    post(notice) {
      const entry = { ...notice, id: nextId++ };
      const isOther = ({ about }: Manner) => about === undefined || about !== notice.about;
      let list = shown().filter(isOther);
      waiting = waiting.filter(isOther);
      if (notice.quiet) {
        const quiet = list.filter(({ quiet }) => quiet);
        list = list.filter((old) => quiet.length < MAX_QUIET || old !== quiet[0]);
        list = [...list, { ...entry, sinceMs: performance.now() }];
      } else waiting = [...waiting, entry].slice(-MAX_WAITING);
      setShown(list);
      turn();
    },
  };
}

function isLoud({ quiet }: Manner): boolean {
  return !quiet;
}
