/**
 * The recovery ladder of one link (DESIGN section 4) as a pure state machine: grace, stats check, ICE restart, new peer
 * connection, unreachable. Owns the order and the times; knows no peer connection and starts no timer: it answers every
 * event with the next state, what to do now, and when a `timeout` is due.
 */

export type RecoveryState =
  /** The first attempt of a peer connection, not connected yet. */
  | 'connecting'
  | 'healthy'
  /** The path is disturbed; ICE may mend it by itself (RFC 7675 consent comes back). */
  | 'grace'
  | 'restarting'
  | 'rebuilding'
  /** The peer ended the link: the room's word that they left should follow. Without it they want a new one. */
  | 'parting'
  | 'unreachable';

export type RecoveryEvent =
  /** The link is confirmed and its transport is up. */
  | 'connected'
  | 'disconnected'
  | 'failed'
  /** The stats check found that nothing arrives any more. */
  | 'silent'
  /** The peer made a new peer connection, and we answer it. */
  | 'offered'
  /** The peer asks for a new peer connection. */
  | 'requested'
  /** The peer closed the link. */
  | 'parted'
  /** The peer's proof of its key was wrong, or it floods us. */
  | 'refused'
  /** The page woke up or came online, or a person asked. */
  | 'nudge'
  | 'timeout';

export type RecoveryAction = 'none' | 'check' | 'restart-ice' | 'rebuild';

export interface Recovery {
  readonly state: RecoveryState;
  /** Attempts to rebuild since the link was last healthy. */
  readonly attempts: number;
}

export interface RecoveryStep {
  readonly next: Recovery;
  readonly action: RecoveryAction;
  /** Milliseconds until a `timeout`; null for never; `keep` leaves a timer that runs alone, so that no event can put
   * off what is due. */
  readonly timeoutMs: number | null | 'keep';
}

export const RECOVERY_START: Recovery = { state: 'connecting', attempts: 0 };

/** How long the first attempt may take before recovery steps in. */
export const CONNECT_MS = 12_000;
/** How long an offer that may have been lost before this side could hear it is waited for, before it is asked for. */
export const HEAR_MS = 2_000;
export const GRACE_MS = 3_000;
export const RESTART_MS = 7_000;
const PARTING_MS = 2_000;
export const RETRY_FIRST_MS = 10_000;
export const RETRY_MAX_MS = 60_000;
/** Retries of a peer that was refused begin this far up the scale. */
const REFUSED_ATTEMPTS = 4;

export function recover(current: Recovery, event: RecoveryEvent): RecoveryStep {
  const stay: RecoveryStep = { next: current, action: 'none', timeoutMs: 'keep' };
  switch (event) {
    case 'connected':
      return { next: { state: 'healthy', attempts: 0 }, action: 'none', timeoutMs: null };
    case 'offered':
      return {
        next: { ...current, state: current.state === 'connecting' ? 'connecting' : 'rebuilding' },
        action: 'none',
        timeoutMs: CONNECT_MS,
      };
    case 'parted':
      return { next: { state: 'parting', attempts: 0 }, action: 'none', timeoutMs: PARTING_MS };
    case 'refused':
      return giveUp({ ...current, attempts: Math.max(current.attempts, REFUSED_ATTEMPTS) });
    case 'requested':
      // While a link carries media, nothing that signalling says takes it down.
      return current.state === 'healthy' ? stay : rebuild(current);
    default:
      break;
  }
  switch (current.state) {
    case 'healthy':
      if (event === 'disconnected') {
        return { next: { ...current, state: 'grace' }, action: 'none', timeoutMs: GRACE_MS };
      }
      if (event === 'failed' || event === 'silent') return restart(current);
      return event === 'nudge' ? { ...stay, action: 'check' } : stay;
    case 'grace':
      if (event === 'failed' || event === 'silent' || event === 'nudge') return restart(current);
      return event === 'timeout' ? { next: current, action: 'check', timeoutMs: GRACE_MS } : stay;
    case 'restarting':
      return event === 'timeout' || event === 'failed' ? rebuild(current) : stay;
    case 'connecting':
    case 'rebuilding':
      if (event !== 'timeout' && event !== 'failed') return stay;
      return current.attempts === 0 ? rebuild(current) : giveUp(current);
    case 'parting':
    case 'unreachable':
      return event === 'timeout' || event === 'nudge' ? rebuild(current) : stay;
  }
}

function restart(current: Recovery): RecoveryStep {
  return { next: { ...current, state: 'restarting' }, action: 'restart-ice', timeoutMs: RESTART_MS };
}

function rebuild(current: Recovery): RecoveryStep {
  return {
    next: { state: 'rebuilding', attempts: current.attempts + 1 },
    action: 'rebuild',
    timeoutMs: CONNECT_MS,
  };
}

function giveUp(current: Recovery): RecoveryStep {
  const delayMs = RETRY_FIRST_MS * 2 ** Math.max(0, current.attempts - 1);
  return {
    next: { ...current, state: 'unreachable' },
    action: 'none',
    timeoutMs: Math.min(RETRY_MAX_MS, delayMs),
  };
}
