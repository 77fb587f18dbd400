/**
 * Owns what the relay is told by its environment or its file, and refuses what it cannot work with, naming every fault.
 * Must not open sockets. docs/relay.md has the settings for operators.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { DataPathName } from './data-path/data-path.ts';
import type { RelayAddress } from './data-path/directory.ts';
import { familyOf, type IpFamily, readIp } from './data-path/ip-words.ts';
import { PEER_POLICIES, type PeerPolicyName } from './policy/peer-policy.ts';

export interface RelayLimits {
  /** Allocations of one peer id, whatever its credential. */
  readonly allocationsPerUser: number;
  readonly allocationsPerRoom: number;
  /** Of one source address (IPv6: of its /64), five seconds' worth at once; also of connections. 0: no limit. */
  readonly newAllocationsPerSecond: number;
  readonly permissions: number;
  readonly channels: number;
  /** Payload of one allocation, both directions together; null: no limit. */
  readonly flowBytesPerSecond: number | null;
  readonly totalBytesPerSecond: number | null;
  /** TCP and TLS connections in all. */
  readonly connections: number;
  readonly connectionsPerSource: number;
  /** How long a connection may be without an allocation. */
  readonly idleSeconds: number;
  /** Unauthenticated answers a second to one source, four seconds' worth at once. */
  readonly unauthenticatedPerSecond: number;
}

export interface TurnHostConfig {
  /** At least one, none empty; the first is the one in use. */
  readonly secrets: readonly string[];
  /** UDP and TCP; 0 lets the system choose. */
  readonly port: number;
  readonly tcp: boolean;
  /** PEM files, read again when they change. */
  readonly tls: { readonly port: number; readonly certFile: string; readonly keyFile: string } | null;
  /** Of either family; 0.0.0.0 and :: are every interface. */
  readonly listenAddresses: readonly string[];
  /** At least one; never an unspecified address. */
  readonly relays: readonly RelayAddress[];
  readonly minPort: number;
  readonly maxPort: number;
  readonly realm: string;
  readonly peerPolicy: PeerPolicyName;
  /** For tests: loopback peers are peers like any other. */
  readonly allowLoopback: boolean;
  readonly workers: number;
  /** `auto` takes the fastest that works here. */
  readonly dataPath: DataPathName | 'auto';
  /** Loopback port of metrics and health; null: none. */
  readonly metricsPort: number | null;
  /** How long allocations may go on after the relay was asked to end. */
  readonly drainSeconds: number;
  /** Whether lines may hold addresses. */
  readonly debug: boolean;
  readonly limits: RelayLimits;
}

/** `faults` and `doubts` have one sentence for each thing wrong; with doubts alone the relay can work. */
export type ConfigResult =
  | { readonly ok: true; readonly config: TurnHostConfig; readonly doubts: readonly string[] }
  | { readonly ok: false; readonly faults: readonly string[] };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Longer would make the answer to whoever is not authenticated more than 2.3 times what was asked: a challenge of 64 octets
 * (header 20, ERROR-CODE 8, REALM 16, NONCE 20) to an Allocate of 28 (header 20, REQUESTED-TRANSPORT 8) is 2.29.
 */
const REALM = /^[\x21-\x7e]{1,12}$/;
const DATA_PATHS = ['auto', 'portable', 'batched'] as const;
const NAMES: ReadonlySet<string> = new Set([
  ...['TURN_SECRET', 'TURN_PORT', 'TURN_LISTEN', 'TURN_RELAY_IP', 'TURN_EXTERNAL_IP', 'TURN_MIN_PORT'],
  ...['TURN_MAX_PORT', 'TURN_REALM', 'TURN_PEER_POLICY', 'TURN_ALLOW_LOOPBACK', 'TURN_TCP', 'TURN_TLS_PORT'],
  ...[
    'TURN_TLS_CERT',
    'TURN_TLS_KEY',
    'TURN_WORKERS',
    'DATA_PATH',
    'TURN_METRICS_PORT',
    'TURN_DRAIN_SECONDS',
  ],
  ...[
    'TURN_LOG',
    'TURN_MAX_PER_USER',
    'TURN_MAX_PER_ROOM',
    'TURN_MAX_NEW_PER_SECOND',
    'TURN_MAX_PERMISSIONS',
  ],
  ...['TURN_MAX_CHANNELS', 'TURN_MAX_FLOW_KBPS', 'TURN_MAX_TOTAL_KBPS', 'TURN_MAX_CONNECTIONS'],
  ...['TURN_MAX_CONNECTIONS_PER_SOURCE', 'TURN_IDLE_SECONDS', 'TURN_MAX_UNAUTHENTICATED_PER_SECOND'],
]);

/** Of others, or of how the relay is started. */
const OTHER_NAMES: ReadonlySet<string> = new Set(['TURN_CONFIG', 'TURN_EXIT_WITH_PARENT', 'TURN_URLS']);

/** Reads the environment, and beneath it the file that TURN_CONFIG names, if it names one. */
export function readConfig(env: Environment): ConfigResult {
  const faults: string[] = [];
  const settings = new Settings(withFile(env, faults), faults);

  const secrets = settings.list('TURN_SECRET');
  if (secrets.length === 0) {
    faults.push('TURN_SECRET must be set: the relay does not start without a secret.');
  } else if (secrets.includes('')) {
    faults.push('TURN_SECRET must not hold an empty secret between its commas.');
  }
  const port = settings.whole('TURN_PORT', 3478, 0, 65_535);
  const minPort = settings.whole('TURN_MIN_PORT', 49_152, 1, 65_535);
  const maxPort = settings.whole('TURN_MAX_PORT', 65_535, 1, 65_535);
  if (minPort > maxPort) {
    faults.push(`TURN_MIN_PORT (${minPort}) must not be above TURN_MAX_PORT (${maxPort}).`);
  }
  const listenAddresses = readListen(settings, faults);
  const relays = readRelays(settings, listenAddresses, faults);
  const realm = settings.text('TURN_REALM', 'parley');
  if (!REALM.test(realm)) {
    faults.push(
      'TURN_REALM must be 1 to 12 printable ASCII characters without spaces: with a longer one a forged request would ' +
        'be answered with more than 2.3 times its size.',
    );
  }
  const peerPolicy = settings.oneOf('TURN_PEER_POLICY', PEER_POLICIES, 'room');
  const allowLoopback = settings.flag('TURN_ALLOW_LOOPBACK', false);
  if (allowLoopback && peerPolicy === 'room') {
    faults.push(
      'TURN_ALLOW_LOOPBACK has no meaning with TURN_PEER_POLICY=room: set public or lan, or leave it out.',
    );
  }
  const tcp = settings.flag('TURN_TCP', true);
  const tls = readTls(settings, faults);
  const metricsPort = settings.has('TURN_METRICS_PORT')
    ? settings.whole('TURN_METRICS_PORT', 0, 0, 65_535)
    : null;
  // Each alone may be 0, a port of the system's choice.
  const plain = tcp && port !== 0 ? port : null;
  if (tls !== null && tls.port === plain) {
    faults.push(
      `TURN_TLS_PORT (${tls.port}) must not be TURN_PORT, which plain TCP has: set TURN_TCP=0 or another.`,
    );
  }
  if (metricsPort !== null && metricsPort === plain) {
    faults.push(`TURN_METRICS_PORT (${metricsPort}) must not be TURN_PORT, which clients have.`);
  }
  const config: TurnHostConfig = {
    secrets,
    port,
    tcp,
    tls,
    listenAddresses,
    relays,
    minPort,
    maxPort,
    realm,
    peerPolicy,
    allowLoopback,
    workers: settings.whole('TURN_WORKERS', 1, 1, 64),
    dataPath: settings.oneOf('DATA_PATH', DATA_PATHS, 'auto'),
    metricsPort,
    drainSeconds: settings.whole('TURN_DRAIN_SECONDS', 30, 0, 86_400),
    debug: settings.oneOf('TURN_LOG', ['info', 'debug'], 'info') === 'debug',
    limits: readLimits(settings),
  };
  return faults.length > 0 ? { ok: false, faults } : { ok: true, config, doubts: doubtsAbout(env) };
}

/** A misspelt variable must not pass for one that was heeded; yet an environment may hold those of other programs. */
function doubtsAbout(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('TURN_') && !NAMES.has(name) && !OTHER_NAMES.has(name))
    .map((name) => `${name} is no setting of the relay, and is not heeded.`);
}

class Settings {
  readonly #env: Environment;
  readonly #faults: string[];

  constructor(env: Environment, faults: string[]) {
    this.#env = env;
    this.#faults = faults;
  }

  text(name: string, otherwise: string): string {
    const value = Object.hasOwn(this.#env, name) ? this.#env[name]?.trim() : undefined;
    return value === undefined || value === '' ? otherwise : value;
  }

  has(name: string): boolean {
    return this.text(name, '') !== '';
  }

  /** Separated by commas; empty when not set. */
  list(name: string): string[] {
    const text = this.text(name, '');
    return text === '' ? [] : text.split(',').map((part) => part.trim());
  }

  whole(name: string, otherwise: number, least: number, most: number): number {
    const value = this.text(name, String(otherwise));
    const number = Number(value);
    if (!/^[0-9]{1,12}$/.test(value) || number < least || number > most) {
      this.#faults.push(`${name} must be a whole number from ${least} to ${most}, not "${value}".`);
    }
    return number;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.text(name, otherwise ? '1' : '0');
    if (value !== '0' && value !== '1') {
      this.#faults.push(`${name} must be 0 or 1, not "${value}".`);
    }
    return value === '1';
  }

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const value = this.text(name, otherwise);
    const found = values.find((each) => each === value);
    if (found === undefined) {
      this.#faults.push(`${name} must be ${listed(values)}, not "${value}".`);
    }
    return found ?? otherwise;
  }
}

function listed(values: readonly string[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** `NAME=value` lines; blank ones and those that begin with # say nothing. The environment goes before the file. */
function withFile(env: Environment, faults: string[]): Environment {
  const path = Object.hasOwn(env, 'TURN_CONFIG') ? env.TURN_CONFIG : undefined;
  if (path === undefined || path === '') {
    return env;
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    faults.push(
      `TURN_CONFIG names a file that cannot be read: ${error instanceof Error ? error.message : ''}.`,
    );
    return env;
  }
  const settings: Record<string, string | undefined> = Object.create(null);
  for (const [index, line] of text.split('\n').entries()) {
    const [, name, value] = /^\s*([A-Z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && NAMES.has(name)) {
      settings[name] = value;
    } else if (line.trim() !== '' && !line.trim().startsWith('#')) {
      faults.push(`Line ${index + 1} of the file that TURN_CONFIG names is no setting of the relay.`);
    }
  }
  for (const name of NAMES) {
    if (env[name] !== undefined && env[name] !== '') {
      settings[name] = env[name];
    }
  }
  return settings;
}

function readListen(settings: Settings, faults: string[]): string[] {
  const given = settings.list('TURN_LISTEN');
  for (const [index, address] of given.entries()) {
    if (!isPlainIp(address)) {
      faults.push(`TURN_LISTEN must hold IP addresses, not "${address}".`);
    } else if (given.indexOf(address) !== index) {
      faults.push(`TURN_LISTEN has ${address} twice.`);
    }
  }
  if (given.length > 0) {
    return given;
  }
  return ownAddress(6) === null ? ['0.0.0.0'] : ['0.0.0.0', '::'];
}

/**
 * TURN_RELAY_IP lists addresses of this host, TURN_EXTERNAL_IP what they are called outside: one for each family, or
 * `external/internal` pairs where a family has several.
 */
function readRelays(settings: Settings, listen: readonly string[], faults: string[]): RelayAddress[] {
  const given = settings.list('TURN_RELAY_IP');
  const ips = given.length > 0 ? given : relayAddressesFor(listen);
  const usable = ips.filter((ip) => {
    const fine = isPlainIp(ip) && !isUnspecified(ip);
    if (!fine) {
      faults.push(`TURN_RELAY_IP must hold IP addresses of this host, not "${ip}".`);
    }
    return fine;
  });
  const relays = new Map(usable.map((ip) => [ip, { ip, externalIp: ip, family: isIP(ip) as IpFamily }]));
  for (const entry of settings.list('TURN_EXTERNAL_IP')) {
    const [external = '', internal, surplus] = entry.split('/');
    const sameFamily = [...relays.values()].filter(({ family }) => family === isIP(external));
    const chosen = internal === undefined ? sameFamily : sameFamily.filter(({ ip }) => ip === internal);
    const [relay] = chosen;
    const isPair = isPlainIp(external) && !isUnspecified(external) && surplus === undefined;
    if (!isPair || relay === undefined || chosen.length > 1) {
      faults.push(`TURN_EXTERNAL_IP has "${entry}", which stands for no one address of TURN_RELAY_IP.`);
    } else {
      relays.set(relay.ip, { ...relay, externalIp: external });
    }
  }
  return [...relays.values()];
}

function relayAddressesFor(listen: readonly string[]): string[] {
  const concrete = listen.filter((ip) => isPlainIp(ip) && !isUnspecified(ip));
  const wild = listen.filter((ip) => isPlainIp(ip) && isUnspecified(ip));
  const found = wild.flatMap((ip) => ownAddress(isIP(ip) as IpFamily) ?? (isIP(ip) === 4 ? '127.0.0.1' : []));
  return [...new Set([...concrete, ...found])];
}

function readTls(settings: Settings, faults: string[]): TurnHostConfig['tls'] {
  const certFile = settings.text('TURN_TLS_CERT', '');
  const keyFile = settings.text('TURN_TLS_KEY', '');
  if (certFile === '' && keyFile === '' && !settings.has('TURN_TLS_PORT')) {
    return null;
  }
  const port = settings.whole('TURN_TLS_PORT', 5349, 0, 65_535);
  for (const [name, value] of [
    ['TURN_TLS_CERT', certFile],
    ['TURN_TLS_KEY', keyFile],
  ] as const) {
    if (value === '') {
      faults.push(`${name} must name a PEM file: TLS needs a certificate and its key.`);
    }
  }
  return { port, certFile, keyFile };
}

function readLimits(settings: Settings): RelayLimits {
  const kbps = (name: string): number | null => {
    const value = settings.whole(name, 0, 0, 1_000_000_000);
    return value === 0 ? null : value * 125;
  };
  return {
    // A full room's links from a client with two network interfaces, and as many again while all of them restart ICE.
    allocationsPerUser: settings.whole('TURN_MAX_PER_USER', 64, 1, 65_535),
    allocationsPerRoom: settings.whole('TURN_MAX_PER_ROOM', 512, 1, 65_535),
    newAllocationsPerSecond: settings.whole('TURN_MAX_NEW_PER_SECOND', 100, 0, 1_000_000),
    permissions: settings.whole('TURN_MAX_PERMISSIONS', 256, 1, 65_535),
    channels: settings.whole('TURN_MAX_CHANNELS', 256, 1, 16_383),
    flowBytesPerSecond: kbps('TURN_MAX_FLOW_KBPS'),
    totalBytesPerSecond: kbps('TURN_MAX_TOTAL_KBPS'),
    connections: settings.whole('TURN_MAX_CONNECTIONS', 4096, 1, 65_535),
    connectionsPerSource: settings.whole('TURN_MAX_CONNECTIONS_PER_SOURCE', 512, 1, 65_535),
    idleSeconds: settings.whole('TURN_IDLE_SECONDS', 30, 1, 3600),
    unauthenticatedPerSecond: settings.whole('TURN_MAX_UNAUTHENTICATED_PER_SECOND', 256, 1, 1_000_000),
  };
}

/** An IPv4 address in the clothes of an IPv6 one is neither to a socket. */
function isPlainIp(text: string): boolean {
  const words = new Int32Array(4);
  return isIP(text) !== 0 && readIp(text, words) && familyOf(words) === isIP(text);
}

function isUnspecified(ip: string): boolean {
  return /^[0.:]*$/.test(ip);
}

/** The first address of this host that others can reach; null where there is none. */
function ownAddress(family: IpFamily): string | null {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const entry of addresses ?? []) {
      const isOfFamily = entry.family === `IPv${family}`;
      if (isOfFamily && !entry.internal && !entry.address.startsWith('fe80:')) {
        return entry.address;
      }
    }
  }
  return null;
}
