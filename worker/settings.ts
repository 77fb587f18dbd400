/**
 * The operator's variables and secrets, checked and given units. Owns their names, defaults and bounds; a bad one is
 * an Error whose message names the variable and never its value.
 */

import { type IceServer, MAX_CAPACITY, MAX_ICE_SERVERS_CHARS } from '../rooms/protocol/index.ts';

/** What wrangler.toml, the dashboard or the local server sets. */
export interface Variables {
  readonly ALLOWED_ORIGINS?: string;
  readonly STUN_URLS?: string;
  readonly TURN_URLS?: string;
  readonly TURN_SECRET?: string;
  readonly TICKET_KEY?: string;
  readonly CREDENTIAL_TTL_SECONDS?: string;
  readonly ROOM_CAPACITY?: string;
}

export interface Settings {
  /** Besides the origin of the request itself. */
  readonly allowedOrigins: ReadonlySet<string>;
  readonly stunUrls: readonly string[];
  readonly turn: { readonly urls: readonly string[]; readonly secret: string } | null;
  readonly ticketKey: string;
  readonly credentialTtlSeconds: number;
  readonly capacity: number;
}

const MIN_KEY_CHARS = 16;
const STUN_URL = /^stuns?:[A-Za-z0-9.\-[\]:]+$/;
const TURN_URL = /^turns?:[A-Za-z0-9.\-[\]:]+(?:\?transport=(?:udp|tcp))?$/;
/** Room for the user name and the credential beside the URLs. */
const CREDENTIAL_CHARS = 256;

/** Throws an Error that names what is wrong. */
export function readSettings(variables: Variables): Settings {
  const ticketKey = variables.TICKET_KEY ?? '';
  if (ticketKey.length < MIN_KEY_CHARS) {
    throw new Error(`TICKET_KEY must be a secret of at least ${MIN_KEY_CHARS} characters`);
  }
  const stunUrls = list(variables.STUN_URLS);
  if (!stunUrls.every((url) => STUN_URL.test(url))) {
    throw new Error('STUN_URLS must be a comma-separated list of stun: URLs (RFC 7064)');
  }
  const turnUrls = list(variables.TURN_URLS);
  if (!turnUrls.every((url) => TURN_URL.test(url))) {
    throw new Error('TURN_URLS must be a comma-separated list of turn: or turns: URLs (RFC 7065)');
  }
  // The first secret mints; the relay accepts the others too while a rotation lasts.
  const secret = list(variables.TURN_SECRET)[0];
  if (turnUrls.length > 0 && secret === undefined) {
    throw new Error('TURN_URLS is set, so TURN_SECRET must be too');
  }
  const urlsChars = JSON.stringify([stunUrls, turnUrls]).length;
  if (stunUrls.length > 16 || turnUrls.length > 16 || urlsChars + CREDENTIAL_CHARS > MAX_ICE_SERVERS_CHARS) {
    throw new Error('STUN_URLS and TURN_URLS are too many or too long');
  }
  return {
    allowedOrigins: new Set(list(variables.ALLOWED_ORIGINS).map(origin)),
    stunUrls,
    turn: turnUrls.length > 0 && secret !== undefined ? { urls: turnUrls, secret } : null,
    ticketKey,
    credentialTtlSeconds: whole('CREDENTIAL_TTL_SECONDS', variables.CREDENTIAL_TTL_SECONDS, 3600, 10, 43_200),
    capacity: whole('ROOM_CAPACITY', variables.ROOM_CAPACITY, 8, 2, MAX_CAPACITY),
  };
}

/** `iceServers` of a `welcome`; `turn` is the credential for the TURN URLs, null where there is no relay. */
export function iceServersOf(
  settings: Settings,
  turn: { readonly username: string; readonly credential: string } | null,
): readonly IceServer[] {
  const servers: IceServer[] = [];
  if (settings.stunUrls.length > 0) servers.push({ urls: settings.stunUrls });
  if (settings.turn !== null && turn !== null) {
    servers.push({ urls: settings.turn.urls, username: turn.username, credential: turn.credential });
  }
  return servers;
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function origin(value: string): string {
  if (!URL.canParse(value) || new URL(value).origin !== value) {
    throw new Error('ALLOWED_ORIGINS must be a comma-separated list of origins such as https://call.example');
  }
  return value;
}

function whole(name: string, value: string | undefined, fallback: number, min: number, max: number): number {
  if (value === undefined || value.trim() === '') return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}`);
  }
  return number;
}
