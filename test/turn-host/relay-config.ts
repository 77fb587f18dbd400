/** A relay's configuration for tests, read as an operator's is: on loopback, at ports of the system's choice. */
import { readConfig, type TurnHostConfig } from '../../turn-host/config.ts';

/** Throws with the faults if there are any. */
export function relayConfig(env: Record<string, string> = {}): TurnHostConfig {
  const result = readConfig({
    TURN_SECRET: 'new secret,old secret',
    TURN_PORT: '0',
    TURN_LISTEN: '127.0.0.1',
    TURN_PEER_POLICY: 'public',
    TURN_DRAIN_SECONDS: '0',
    ...env,
  });
  if (!result.ok) {
    throw new Error(result.faults.join(' '));
  }
  return result.config;
}
