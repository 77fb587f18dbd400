/**
 * What the composition root hands to the state: the engine's constructors, the link functions and the page's address.
 * Owns shapes only, so that state never imports crypto and tests can supply their own.
 */
import type { PreparedCall } from '../call/call-types.ts';
import type { LocalMedia } from '../call/media/media-types.ts';

/** An invitation as the link module gives it; `secret` is 16 bytes, `label` may be empty. */
export interface Invitation {
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly secretText: string;
  readonly label: string;
}

export type LinkErrorCode = 'empty' | 'malformed' | 'key-in-query-or-path';

type ParsedInvitation =
  | { readonly ok: true; readonly invitation: Invitation }
  | { readonly ok: false; readonly code: LinkErrorCode };

export interface LocalMediaChoices {
  readonly deviceIds: { readonly microphone: string; readonly camera: string; readonly speaker: string };
  readonly wanted: { readonly microphone: boolean; readonly camera: boolean };
}

/** The page's address: where the invitation lives, so that reloading and sharing keep it. */
export interface Address {
  readonly origin: string;
  href(): string;
  /** Makes `url` the page's address, by its fragment alone. Announced to `onChange`. */
  enter(url: string): void;
  /** Removes the fragment. Announced to `onChange`. */
  clear(): void;
  /** Returns the function that ends the subscription. */
  onChange(listener: () => void): () => void;
}

export interface Services {
  prepareCall(secret: Uint8Array<ArrayBuffer>, password: string): PreparedCall;
  createLocalMedia(choices: LocalMediaChoices): LocalMedia;
  parseInvitation(input: string): ParsedInvitation;
  createInvitation(): Invitation;
  formatInvitation(origin: string, invitation: Invitation): string;
  readonly address: Address;
  /** Where preferences are kept; null where the browser refuses storage. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem'> | null;
}
