/**
 * Owns a running relay: what starts it and what ends it. Must not read the environment or end the process.
 */
import type { TurnHostConfig } from './config.ts';
import { TurnEngine } from './engine/engine.ts';

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
  const engine = new TurnEngine({
    config,
    log: hooks.log ?? (() => undefined),
    now: hooks.now ?? Date.now,
  });
  try {
    const port = await engine.listen();
    return { port, close: () => engine.stop() };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}
