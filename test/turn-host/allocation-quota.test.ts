import { expect, it } from 'vitest';
import { AllocationQuota } from '../../turn-host/engine/allocation-quota.ts';

it('admits up to either limit, and counts back to nothing', () => {
  const quota = new AllocationQuota({ perUser: 2, inAll: 3 });
  expect(['a', 'a', 'a', 'b', 'c', 'b'].map((name) => quota.admit(name))).toEqual([
    'admitted',
    'admitted',
    'user-full',
    'admitted',
    'full',
    'full',
  ]);
  expect([quota.inAll, quota.users]).toEqual([3, 2]);
  quota.giveBack('a');
  expect(quota.admit('c')).toBe('admitted');
  for (const name of ['a', 'b', 'c']) {
    quota.giveBack(name);
  }
  expect([quota.inAll, quota.users]).toEqual([0, 0]);
  expect(() => quota.giveBack('a')).toThrow(RangeError);
});

it('takes names that objects have of themselves like any other', () => {
  const quota = new AllocationQuota({ perUser: 1, inAll: 2 });
  expect([quota.admit('constructor'), quota.admit('__proto__')]).toEqual(['admitted', 'admitted']);
});
