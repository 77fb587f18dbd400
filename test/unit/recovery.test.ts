import { expect, it } from 'vitest';
import {
  RECOVERY_START,
  type Recovery,
  type RecoveryEvent,
  recover,
  recoverFromSilence,
} from '../../app/call/recovery.ts';

function play(start: Recovery, ...events: RecoveryEvent[]) {
  let step = { next: start, action: 'none', timeoutMs: null as number | null };
  for (const event of events) step = recover(step.next, event);
  return step;
}

const healthy: Recovery = { state: 'healthy', attempts: 0 };

it('climbs the ladder: grace, check, ICE restart, new peer connection, unreachable', () => {
  expect(play(healthy, 'disconnected').next.state).toBe('grace');
  expect(play(healthy, 'disconnected', 'timeout').action).toBe('check');
  const restarting = recoverFromSilence(play(healthy, 'disconnected').next);
  expect(restarting.action).toBe('restart-ice');
  const rebuilding = play(restarting.next, 'timeout');
  expect(rebuilding.action).toBe('rebuild');
  expect(play(rebuilding.next, 'timeout').next.state).toBe('unreachable');
});

it('returns to healthy from every state', () => {
  for (const state of ['connecting', 'grace', 'restarting', 'rebuilding', 'unreachable'] as const) {
    expect(play({ state, attempts: 3 }, 'connected')).toEqual({
      next: healthy,
      action: 'none',
      timeoutMs: null,
    });
  }
});

it('skips the grace when the path has failed', () => {
  expect(play(healthy, 'failed').action).toBe('restart-ice');
});

it('retries an unreachable peer ever more slowly, and at once when asked', () => {
  const first = play(RECOVERY_START, 'timeout', 'timeout');
  expect(first.next.state).toBe('unreachable');
  expect(play(first.next, 'nudge').action).toBe('rebuild');
  const later = play(first.next, 'timeout', 'timeout');
  expect(later.timeoutMs).toBeGreaterThan(first.timeoutMs ?? 0);
  expect(play({ state: 'rebuilding', attempts: 40 }, 'timeout').timeoutMs).toBeLessThanOrEqual(60_000);
});

it('only looks, and changes nothing, when a healthy link is nudged', () => {
  expect(play(healthy, 'nudge')).toEqual({ next: healthy, action: 'check', timeoutMs: null });
});
