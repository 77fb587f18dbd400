/**
 * Owns a running relay: what starts it and what ends it. Must not read the environment or end the process.
 */
import type { TurnHostConfig } from './config.ts';
import { createDataPath } from './data-path/choose.ts';
import type { DataPathOptions } from './data-path/data-path.ts';
import { Directory } from './data-path/directory.ts';
import { TurnEngine } from './engine/engine.ts';
import { createCounters } from './metrics/counters.ts';

const MAX_PERMISSIONS = 256;
const MAX_CHANNELS = 256;

export interface TurnHost {
  /** The UDP port listened on. */
  readonly port: number;
  /** Closes every socket and clears every timer. Idempotent. */
  close(): Promise<void>;
}

export interface TurnHostHooks {
  /** Given one line a life-cycle event. Default: nothing is said. */
  readonly log?: (line: string) => void;
  /** Unix time in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** Starts a relay. Rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`) when it cannot listen. */
export async function startTurnHost(config: TurnHostConfig, hooks: TurnHostHooks = {}): Promise<TurnHost> {
  const now = hooks.now ?? Date.now;
  const { relayAddress } = config;
  const directory = new Directory([{ ip: relayAddress, externalIp: relayAddress, family: 4 }]);
  const log = hooks.log ?? (() => undefined);
  const options: DataPathOptions = {
    directory,
    sameRoomOnly: false,
    ownPortsOpen: false,
    limits: { maxPermissions: MAX_PERMISSIONS, maxChannels: MAX_CHANNELS },
    flowBytesPerSecond: null,
    totalBytesPerSecond: null,
    counters: createCounters(),
    now,
    onControl: (packet, client) => engine.receive(packet, client),
  };
  const dataPath = await createDataPath('auto', options, log);
  const engine = new TurnEngine({ config, dataPath, directory, log, now });
  const close = async () => {
    engine.stop();
    await dataPath.close();
  };
  try {
    const listener = await dataPath.listen({ ip: config.listenAddress, port: config.port, reusePort: false });
    return { port: listener.port, close };
  } catch (error) {
    await close();
    throw error;
  }
}
