/**
 * The recovery ladder of one link (DESIGN section 4) as a pure state machine: grace, stats check, ICE restart, new peer
 * connection, unreachable. Owns the order and the times; knows no peer connection and starts no timer: it answers every
 * event with the next state, what to do now, and when to ask again.
 */

export type RecoveryState =
  /** The first attempt of a peer connection, not connected yet. */
  | 'connecting'
  | 'healthy'
  /** The path is disturbed; ICE may mend it by itself (RFC 7675 consent comes back). */
  | 'grace'
  | 'restarting'
  | 'rebuilding'
  | 'unreachable';

export type RecoveryEvent = 'connected' | 'disconnected' | 'failed' | 'timeout' | 'nudge';

export type RecoveryAction = 'none' | 'check' | 'restart-ice' | 'rebuild';

export interface Recovery {
  readonly state: RecoveryState;
  /** Attempts to rebuild since the link was last healthy. */
  readonly attempts: number;
}

export interface RecoveryStep {
  readonly next: Recovery;
  readonly action: RecoveryAction;
  /** After how long a `timeout` is due, in milliseconds; null for never. */
  readonly timeoutMs: number | null;
}

export const RECOVERY_START: Recovery = { state: 'connecting', attempts: 0 };

const CONNECT_MS = 12_000;
const GRACE_MS = 3_000;
const RESTART_MS = 7_000;
const REBUILD_MS = 12_000;
const RETRY_FIRST_MS = 10_000;
const RETRY_MAX_MS = 60_000;

/** How long the first attempt may take before recovery steps in. */
export const FIRST_TIMEOUT_MS = CONNECT_MS;

export function recover(current: Recovery, event: RecoveryEvent): RecoveryStep {
  const stay = (timeoutMs: number | null): RecoveryStep => ({ next: current, action: 'none', timeoutMs });
  if (event === 'connected') {
    return { next: { state: 'healthy', attempts: 0 }, action: 'none', timeoutMs: null };
  }
  switch (current.state) {
    case 'healthy':
      if (event === 'disconnected') {
        return { next: { ...current, state: 'grace' }, action: 'none', timeoutMs: GRACE_MS };
      }
      if (event === 'failed') return restart(current);
      return event === 'nudge' ? { next: current, action: 'check', timeoutMs: null } : stay(null);
    case 'grace':
      if (event === 'failed' || event === 'nudge') return restart(current);
      return event === 'timeout' ? { next: current, action: 'check', timeoutMs: GRACE_MS } : stay(GRACE_MS);
    case 'restarting':
      return event === 'timeout' || event === 'failed' ? rebuild(current) : stay(RESTART_MS);
    case 'connecting':
    case 'rebuilding':
      if (event !== 'timeout' && event !== 'failed') return stay(REBUILD_MS);
      return current.attempts === 0 ? rebuild(current) : giveUp(current);
    case 'unreachable':
      return event === 'timeout' || event === 'nudge' ? rebuild(current) : stay(retryDelay(current.attempts));
  }
}

/** The stats check found that nothing arrives any more. */
export function recoverFromSilence(current: Recovery): RecoveryStep {
  return current.state === 'healthy' || current.state === 'grace'
    ? restart(current)
    : { next: current, action: 'none', timeoutMs: null };
}

function restart(current: Recovery): RecoveryStep {
  return { next: { ...current, state: 'restarting' }, action: 'restart-ice', timeoutMs: RESTART_MS };
}

function rebuild(current: Recovery): RecoveryStep {
  return {
    next: { state: 'rebuilding', attempts: current.attempts + 1 },
    action: 'rebuild',
    timeoutMs: REBUILD_MS,
  };
}

function giveUp(current: Recovery): RecoveryStep {
  return {
    next: { ...current, state: 'unreachable' },
    action: 'none',
    timeoutMs: retryDelay(current.attempts),
  };
}

function retryDelay(attempts: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.max(0, attempts - 1));
}
