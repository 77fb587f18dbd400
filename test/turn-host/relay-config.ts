/** A relay's configuration for tests, read as an operator's is: on loopback, at ports of the system's choice. */
import { readConfig, type TurnHostConfig } from '../../turn-host/config.ts';

/**
 * Relayed ports of this process alone, below those that systems hand out: with the usual ones a browser beside the test may
 * take the port that a reservation token is about to be redeemed for.
 */
const PORTS = 4_000;
export const MIN_PORT = 22_000 + PORTS * (Number(process.env.VITEST_POOL_ID ?? 1) - 1);
export const MAX_PORT = MIN_PORT + PORTS - 1;

/** Throws with the faults if there are any. */
export function relayConfig(env: Record<string, string> = {}): TurnHostConfig {
  const result = readConfig({
    TURN_SECRET: 'new secret,old secret',
    TURN_PORT: '0',
    TURN_LISTEN: '127.0.0.1',
    TURN_PEER_POLICY: 'public',
    TURN_DRAIN_SECONDS: '0',
    TURN_MIN_PORT: String(MIN_PORT),
    TURN_MAX_PORT: String(MAX_PORT),
    ...env,
  });
  if (!result.ok) {
    throw new Error(result.faults.join(' '));
  }
  return result.config;
}
