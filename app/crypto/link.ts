/**
 * The invitation `https://HOST/#S` or `https://HOST/#S/label`. Owns its reading, making and writing; derives no key
 * and contacts nobody. S never leaves the fragment, which browsers do not send.
 */
import { cleanText } from '../wire/hello.ts';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';

const SECRET_BYTES = 16;
const MAX_LABEL_CHARACTERS = 60;
/** 16 bytes as canonical base64url: the last of 22 characters carries two significant bits. */
const SECRET_TEXT = /^[A-Za-z0-9_-]{21}[AQgw]$/;
/** Longest input looked at; a label of 60 characters, percent-encoded, stays far below. */
const MAX_INPUT_CHARS = 4096;

export interface Invitation {
  /** 16 bytes. */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** `secret` in base64url, 22 characters. */
  readonly secretText: string;
  /** What people called the room; at most 60 characters, clean, '' for none. Not secret from who has the link. */
  readonly label: string;
}

export type ParsedInvitation =
  | { readonly ok: true; readonly invitation: Invitation }
  /**
   * - `empty`: nothing, or a page address without a fragment.
   * - `malformed`: no canonical secret where it belongs.
   * - `key-in-query-or-path`: a secret stands where servers and their logs see it; the room must be given up.
   */
  | { readonly ok: false; readonly code: 'empty' | 'malformed' | 'key-in-query-or-path' };

export function createInvitation(label = ''): Invitation {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return { secret, secretText: encodeBase64Url(secret), label: cleanText(label, MAX_LABEL_CHARACTERS) };
}

/** Reads a whole address, `#S/label` or the bare fragment `S/label`. Never throws. */
export function parseInvitation(input: string): ParsedInvitation {
  const text = input.trim();
  if (text === '') return { ok: false, code: 'empty' };
  if (text.length > MAX_INPUT_CHARS) return { ok: false, code: 'malformed' };
  const hashAt = text.indexOf('#');
  const bare = hashAt < 0 ? readFragment(text) : null;
  if (bare !== null) return { ok: true, invitation: bare };
  const address = hashAt < 0 ? text : text.slice(0, hashAt);
  if (holdsSecret(address)) return { ok: false, code: 'key-in-query-or-path' };
  const fragment = hashAt < 0 ? '' : text.slice(hashAt + 1);
  if (fragment === '') {
    return { ok: false, code: hashAt >= 0 || address.includes('://') ? 'empty' : 'malformed' };
  }
  const invitation = readFragment(fragment);
  return invitation === null ? { ok: false, code: 'malformed' } : { ok: true, invitation };
}

/** The address to share. `origin` is a scheme and host without a path, as `location.origin` gives it. */
export function formatInvitation(origin: string, invitation: Invitation): string {
  // Cleaned, hence well-formed: encodeURIComponent throws on unpaired surrogates.
  const label = encodeURIComponent(cleanText(invitation.label, MAX_LABEL_CHARACTERS));
  return `${origin}/#${invitation.secretText}${label === '' ? '' : `/${label}`}`;
}

function readFragment(fragment: string): Invitation | null {
  const slashAt = fragment.indexOf('/');
  const secretText = slashAt < 0 ? fragment : fragment.slice(0, slashAt);
  if (!SECRET_TEXT.test(secretText)) return null;
  const secret = decodeBase64Url(secretText);
  if (secret === null) return null;
  const label = slashAt < 0 ? '' : percentDecode(fragment.slice(slashAt + 1));
  return { secret, secretText, label: cleanText(label, MAX_LABEL_CHARACTERS) };
}

/** Whether the path or the query of `address` holds something shaped like a secret. */
function holdsSecret(address: string): boolean {
  const afterHost = percentDecode(address).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  return afterHost.split(/[^A-Za-z0-9_-]/).some((part) => SECRET_TEXT.test(part));
}

/** A bad escape in a label is no reason to lose the call: the text then stands as it is. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
