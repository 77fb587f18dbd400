import { expect, it } from 'vitest';
import { AllocationQuota } from '../../turn-host/policy/allocation-quota.ts';

const of = (user: string, room: string | null = null) => ({ user, room });

it('admits up to each limit, and counts back to nothing', () => {
  const quota = new AllocationQuota({ perUser: 2, perRoom: 3, inAll: 4 });
  const held = [of('a', 'red'), of('a', 'red'), of('b', 'red'), of('c')];
  expect(held.map((holder) => quota.admit(holder))).toEqual(held.map(() => 'admitted'));
  expect(quota.admit(of('a', 'blue'))).toBe('quota');
  expect(quota.admit(of('d', 'red'))).toBe('quota');
  expect(quota.admit(of('d', 'blue'))).toBe('full');
  expect(quota.inAll).toBe(4);
  for (const holder of held) {
    quota.giveBack(holder);
  }
  expect([quota.inAll, quota.holders]).toEqual([0, 0]);
  expect(() => quota.giveBack(of('a'))).toThrow(RangeError);
});

it('takes names that objects have of themselves like any other', () => {
  const quota = new AllocationQuota({ perUser: 1, perRoom: 1, inAll: 2 });
  expect([quota.admit(of('constructor', '__proto__')), quota.admit(of('__proto__'))]).toEqual([
    'admitted',
    'admitted',
  ]);
});
