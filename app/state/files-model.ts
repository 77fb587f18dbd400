/**
 * File transfers as a Solid store. Owns the adaptation, and remembers the names of people who left; holds no words and
 * moves no byte.
 */
import { type Accessor, createMemo, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';
import type { Call } from '../call/call-types.ts';
import type { Files, TransferSnapshot } from '../call/files/files-types.ts';

export type { EndReason, Place, Sendable, TransferState } from '../call/files/files-types.ts';
export { MAX_MEMORY_BYTES } from '../call/files/files-types.ts';

export interface TransferView extends TransferSnapshot {
  /** The other person's. Hostile text; may be empty. */
  readonly peerName: string;
  /** Whether they are in the call, linked or not. */
  readonly isPeerHere: boolean;
}

export interface FilesModel extends Omit<Files, 'snapshot' | 'subscribe'> {
  /** Oldest first. */
  readonly transfers: readonly TransferView[];
  /** Offers that wait for this person's answer, oldest first. */
  readonly waiting: Accessor<readonly TransferView[]>;
}

/** Needs a Solid owner; does not own `call`. */
export function createFilesModel(call: Pick<Call, 'files' | 'snapshot'>): FilesModel {
  const { files } = call;
  const names = new Map<string, string>();
  const [store, setStore] = createStore<{ transfers: readonly TransferView[] }>({ transfers: [] });
  onCleanup(
    files.subscribe(() => {
      const here = new Set<string>();
      for (const { key, name } of call.snapshot().peers) {
        names.set(key, name);
        here.add(key);
      }
      const transfers = files.snapshot().map((transfer) => ({
        ...transfer,
        peerName: names.get(transfer.peerKey) ?? '',
        isPeerHere: here.has(transfer.peerKey),
      }));
      setStore('transfers', reconcile(transfers, { key: 'id' }));
    }),
  );
  return {
    get transfers() {
      return store.transfers;
    },
    waiting: createMemo(() =>
      store.transfers.filter(({ direction, state }) => direction === 'in' && state === 'offered'),
    ),
    send: files.send,
    accept: files.accept,
    decline: files.decline,
    setPaused: files.setPaused,
    cancel: files.cancel,
    saved: files.saved,
    dismiss: files.dismiss,
    provide: files.provide,
  };
}
