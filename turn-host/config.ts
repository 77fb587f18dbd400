/**
 * Owns what the relay is told by its environment, and refuses what it cannot work with. Must not open sockets.
 */
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PEER_POLICIES, type PeerPolicyName } from './policy/peer-policy.ts';

export interface TurnHostConfig {
  /** At least one, none empty; the first is the one in use. */
  readonly secrets: readonly string[];
  /** 0 lets the system choose. */
  readonly port: number;
  /** IPv4 address to listen on; 0.0.0.0 is every interface. */
  readonly listenAddress: string;
  /** IPv4 address of this host that relayed addresses are made of; never 0.0.0.0. */
  readonly relayAddress: string;
  readonly minPort: number;
  readonly maxPort: number;
  readonly realm: string;
  readonly peerPolicy: PeerPolicyName;
}

/** `faults` has one sentence for each thing wrong. */
export type ConfigResult =
  | { readonly ok: true; readonly config: TurnHostConfig }
  | { readonly ok: false; readonly faults: readonly string[] };

const REALM = /^[\x21-\x7e]{1,127}$/;

/** Reads TURN_SECRET, TURN_PORT, TURN_LISTEN, TURN_RELAY_IP, TURN_MIN_PORT, TURN_MAX_PORT, TURN_REALM, TURN_PEER_POLICY. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const faults: string[] = [];
  const given = (name: string): string | undefined => (Object.hasOwn(env, name) ? env[name] : undefined);
  const text = (name: string, otherwise: string): string => {
    const value = given(name)?.trim();
    return value === undefined || value === '' ? otherwise : value;
  };
  const port = (name: string, otherwise: number, least: number): number => {
    const value = text(name, String(otherwise));
    const number = Number(value);
    if (!/^[0-9]{1,5}$/.test(value) || number < least || number > 65535) {
      faults.push(`${name} must be a port from ${least} to 65535, not "${value}".`);
    }
    return number;
  };

  const secrets = text('TURN_SECRET', '')
    .split(',')
    .map((secret) => secret.trim());
  if (secrets.length === 1 && secrets[0] === '') {
    faults.push('TURN_SECRET must be set: the relay does not start without a secret.');
  } else if (secrets.includes('')) {
    faults.push('TURN_SECRET must not hold an empty secret between its commas.');
  }
  const listenPort = port('TURN_PORT', 3478, 0);
  const minPort = port('TURN_MIN_PORT', 49152, 1);
  const maxPort = port('TURN_MAX_PORT', 65535, 1);
  if (minPort > maxPort) {
    faults.push(`TURN_MIN_PORT (${minPort}) must not be above TURN_MAX_PORT (${maxPort}).`);
  }
  const listenAddress = text('TURN_LISTEN', '0.0.0.0');
  if (!isIPv4(listenAddress)) {
    faults.push(`TURN_LISTEN must be an IPv4 address, not "${listenAddress}".`);
  }
  const relayAddress = text('TURN_RELAY_IP', listenAddress === '0.0.0.0' ? ownAddress() : listenAddress);
  if (!isIPv4(relayAddress) || relayAddress === '0.0.0.0') {
    faults.push(`TURN_RELAY_IP must be an IPv4 address of this host, not "${relayAddress}".`);
  }
  const realm = text('TURN_REALM', 'parley');
  if (!REALM.test(realm)) {
    faults.push('TURN_REALM must be 1 to 127 printable ASCII characters without spaces.');
  }
  const wanted = text('TURN_PEER_POLICY', 'public');
  const peerPolicy = PEER_POLICIES.find((name) => name === wanted);
  if (peerPolicy === undefined) {
    faults.push(`TURN_PEER_POLICY must be ${PEER_POLICIES.join(' or ')}, not "${wanted}".`);
  }
  if (faults.length > 0 || peerPolicy === undefined) {
    return { ok: false, faults };
  }
  return {
    ok: true,
    config: { secrets, port: listenPort, listenAddress, relayAddress, minPort, maxPort, realm, peerPolicy },
  };
}

/** The first address of this host that others can reach, or loopback where there is none. */
function ownAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const entry of addresses ?? []) {
      if (entry.family === 'IPv4' && !entry.internal) {
        return entry.address;
      }
    }
  }
  return '127.0.0.1';
}
