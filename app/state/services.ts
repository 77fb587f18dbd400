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

/** Where "How it works" is; the Worker serves the client there. */
export const ABOUT_PATH = '/about';

/** The page's address: where the invitation lives, so that reloading and sharing keep it. */
export interface Address {
  readonly origin: string;
  href(): string;
  /** Makes `url` the page's address, by its fragment alone. Announced to `onChange`. */
  enter(url: string): void;
  /** Goes to the address without path and fragment. Announced to `onChange`. */
  clear(): void;
  /**
   * Goes to `ABOUT_PATH`. The address shows no invitation, so that whoever passes it on passes on no key; the entry of the
   * history keeps it. Announced to `onChange`.
   */
  openAbout(invitation: string | null): void;
  /** Moves an invitation from the fragment of `ABOUT_PATH` to where `openAbout` keeps one. Not announced. */
  keep(invitation: string): void;
  /** The invitation kept at `ABOUT_PATH`, unchecked; null anywhere else. */
  kept(): string | null;
  /**
   * Puts the entry of a call above the present one, at the address `url`, unless this is one; so that going back from a call
   * leads to its lobby, and is announced to `onChange`. Not announced itself.
   */
  enterCall(url: string): void;
  /** Whether the present entry is one that `enterCall` made. */
  isCall(): boolean;
  /** As the browser's button does. Announced to `onChange`. */
  back(): void;
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
