/**
 * File transfers as a Solid store. Owns the adaptation, and remembers the names of people who left; holds no words and
 * moves no byte.
 */
import { type Accessor, createMemo, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import type { Call } from '../call/call-types.ts';
import type { Files, Sendable, TransferSnapshot } from '../call/files/files-types.ts';

export type { EndReason, Place, Sendable, TransferState } from '../call/files/files-types.ts';
export { MAX_MEMORY_BYTES } from '../call/files/files-types.ts';

export interface TransferView extends Omit<TransferSnapshot, 'newcomers'> {
  /** The other person's. Hostile text; may be empty. */
  readonly peerName: string;
  /** Whether they are in the call, linked or not. */
  readonly isPeerHere: boolean;
  /** To whom it can be offered instead: they came after the one who accepted it left. */
  readonly newcomers: readonly { readonly key: string; readonly name: string }[];
}

/** `not-loaded`: the code for it could not be fetched. */
export type OfferOutcome = 'offered' | 'nobody' | 'not-loaded';

export interface FilesModel extends Omit<Files, 'snapshot' | 'subscribe' | 'send' | 'release'> {
  /** Oldest first. */
  readonly transfers: readonly TransferView[];
  /** Offers that wait for this person's answer, oldest first. */
  readonly waiting: Accessor<readonly TransferView[]>;
  /** Offers to the person of the key `to`, or for null to everybody who has a tile, also while their link is mended. */
  send(items: readonly Sendable[], to: string | null): Promise<OfferOutcome>;
}

/** Needs a Solid owner, with whose end goes what was received and not saved; does not own `call`, which is over by then. */
export function createFilesModel(call: Pick<Call, 'files' | 'snapshot' | 'subscribe'>): FilesModel {
  const { files } = call;
  const names = new Map<string, string>();
  const [store, setStore] = createStore<{ transfers: readonly TransferView[] }>({ transfers: [] });
  const update = () => {
    const here = new Set<string>();
    for (const { key, name } of call.snapshot().peers) {
      names.set(key, name);
      here.add(key);
    }
    const transfers = files.snapshot().map((transfer) => ({
      ...transfer,
      peerName: names.get(transfer.peerKey) ?? '',
      isPeerHere: here.has(transfer.peerKey),
      newcomers: transfer.newcomers
        .filter((key) => here.has(key) && !here.has(transfer.peerKey))
        .map((key) => ({ key, name: names.get(key) ?? '' })),
    }));
    setStore('transfers', reconcile(transfers, { key: 'id' }));
  };
  onCleanup(files.subscribe(update));
  // People come and go while their transfers wait.
  onCleanup(call.subscribe(update));
  onCleanup(() => files.release());
  return {
    get transfers() {
      return store.transfers;
    },
    waiting: createMemo(() =>
      store.transfers.filter(({ direction, state }) => direction === 'in' && state === 'offered'),
    ),
    async send(items, to) {
      const keys = call
        .snapshot()
        .peers.filter(({ key, confirmed }) => confirmed && (to ?? key) === key)
        .map(({ key }) => key);
      if (keys.length === 0) return 'nobody';
      return (await files.send(items, keys)) ? 'offered' : 'not-loaded';
    },
    offerInstead: files.offerInstead,
    accept: files.accept,
    decline: files.decline,
    setPaused: files.setPaused,
    cancel: files.cancel,
    saved: files.saved,
    dismiss: files.dismiss,
    provide: files.provide,
  };
}
