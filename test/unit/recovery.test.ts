import { expect, it } from 'vitest';
import {
  RECOVERY_START,
  type Recovery,
  type RecoveryEvent,
  type RecoveryState,
  type RecoveryStep,
  recover,
} from '../../app/call/recovery.ts';

function play(start: Recovery, ...events: RecoveryEvent[]): RecoveryStep {
  let step: RecoveryStep = { next: start, action: 'none', timeoutMs: null };
  for (const event of events) step = recover(step.next, event);
  return step;
}

const healthy: Recovery = { state: 'healthy', attempts: 0 };
const STATES: RecoveryState[] = [
  'connecting',
  'healthy',
  'grace',
  'restarting',
  'rebuilding',
  'parting',
  'unreachable',
];
const EVENTS: RecoveryEvent[] = [
  'disconnected',
  'failed',
  'silent',
  'offered',
  'requested',
  'parted',
  'refused',
  'nudge',
  'timeout',
];

it('climbs the ladder: grace, check, ICE restart, new peer connection, unreachable', () => {
  expect(play(healthy, 'disconnected').next.state).toBe('grace');
  expect(play(healthy, 'disconnected', 'timeout').action).toBe('check');
  expect(play(healthy, 'disconnected', 'silent').action).toBe('restart-ice');
  expect(play(healthy, 'disconnected', 'silent', 'timeout').action).toBe('rebuild');
  expect(play(healthy, 'disconnected', 'silent', 'timeout', 'timeout').next.state).toBe('unreachable');
});

it('returns to healthy from every state', () => {
  for (const state of STATES) {
    expect(play({ state, attempts: 3 }, 'connected')).toEqual({
      next: healthy,
      action: 'none',
      timeoutMs: null,
    });
  }
});

it('leaves no state but healthy without a timer, whatever happens in whatever order', () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const { next, timeoutMs } = recover({ state, attempts: 1 }, event);
      if (next.state === 'healthy') continue;
      // `keep` is allowed only where a timer of the same state runs already.
      if (timeoutMs === 'keep') expect([event, next.state]).toEqual([event, state]);
      else expect([event, timeoutMs]).toEqual([event, expect.any(Number)]);
    }
  }
});

it('reaches an end of every attempt by timeouts alone', () => {
  for (const state of STATES.filter((candidate) => candidate !== 'healthy' && candidate !== 'grace')) {
    const states = new Set<RecoveryState>();
    let current: Recovery = { state, attempts: 0 };
    for (let step = 0; step < 6; step += 1) {
      current = recover(current, 'timeout').next;
      states.add(current.state);
    }
    expect([...states]).toEqual(expect.arrayContaining(['rebuilding', 'unreachable']));
  }
});

it('never lets a word of the peer take down a healthy link, and never puts off what is due', () => {
  expect(play(healthy, 'requested')).toEqual({ next: healthy, action: 'none', timeoutMs: 'keep' });
  for (const event of ['nudge', 'disconnected', 'silent'] as const) {
    expect(play({ state: 'rebuilding', attempts: 1 }, event).timeoutMs).toBe('keep');
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
  expect(later.timeoutMs).toBeGreaterThan(first.timeoutMs as number);
  expect(play({ state: 'rebuilding', attempts: 40 }, 'timeout').timeoutMs).toBeLessThanOrEqual(60_000);
});

it('only looks, and changes nothing, when a healthy link is nudged', () => {
  expect(play(healthy, 'nudge')).toEqual({ next: healthy, action: 'check', timeoutMs: 'keep' });
});
