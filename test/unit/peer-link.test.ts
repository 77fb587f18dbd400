/** What two looks at a link's statistics say about what came between them. */
import { expect, it } from 'vitest';
import { hasArrived } from '../../app/call/peer-link.ts';

it.each([
  ['nothing where no count grew', { transport: 9, pair: 9 }, { transport: 9, pair: 9 }, false],
  ['something where one count grew', { transport: 9, pair: 9 }, { transport: 9, pair: 10 }, true],
  ['something where it came over a pair that was not there', { pair: 9 }, { pair: 9, next: 1 }, true],
  [
    'something though a pair that had more was given up',
    { transport: 9, old: 5_000 },
    { transport: 10 },
    true,
  ],
  ['nothing where a pair was given up and another is new', { old: 5_000 }, { next: 0 }, false],
  ['nothing where the browser does not say', { transport: 9 }, {}, false],
])('%s', (_, before, after, expected) => {
  expect(hasArrived(new Map(Object.entries(before)), new Map(Object.entries(after)))).toBe(expected);
});
