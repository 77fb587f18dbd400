import { describe, expect, it } from 'vitest';
import { nameApart } from '../../app/call/names.ts';

const WORDS = { nameless: 'Guest', self: ['You', 'You, muted'] };
const people = (...names: string[]) => names.map((name, index) => ({ key: `${index}`, name }));
const named = (...names: string[]) => [...nameApart(new Map(), people(...names), WORDS).values()];

describe('people of one name', () => {
  it('are told apart by a number, in order of appearance', () => {
    expect(named('Bob', 'Alice', 'Bob', 'bob')).toEqual(['Bob', 'Alice', 'Bob 2', 'bob 3']);
    expect(named('', 'Guest', '')).toEqual(['Guest', 'Guest 2', 'Guest 3']);
  });

  it.each([
    ['another case', 'BOB'],
    ['letters of other alphabets', 'В\u043eb'],
    ['wide letters', '\uff22\uff4f\uff42'],
    ['what cannot be seen', 'B\u00ado\u3164b\ufe0f'],
    ['accents', 'B\u00f6b'],
    ['a digit', 'B0b'],
    ['white space', 'B o b'],
  ])('are told apart though they differ by %s', (_what, name) => {
    expect(named('Bob', name)).toEqual(['Bob', `${name} 2`]);
  });

  it('find no number taken by somebody who calls themselves so', () => {
    expect(named('Bob 2', 'Bob', 'Bob', 'Bob 2')).toEqual(['Bob 2', 'Bob', 'Bob 3', 'Bob 2 2']);
  });

  it('keep what they are called for as long as they are here, and leave it to others then', () => {
    const [bob, other, third] = people('Bob', 'Bob', 'Bob');
    if (!bob || !other || !third) throw new Error('nobody');
    let names = nameApart(new Map(), [bob, other], WORDS);
    names = nameApart(names, [other], WORDS);
    expect([...names]).toEqual([['1', 'Bob 2']]);
    names = nameApart(names, [other, third], WORDS);
    expect(names.get('2')).toBe('Bob');
    // Who was away comes back to what is left.
    expect(nameApart(names, [bob, other, third], WORDS).get('0')).toBe('Bob 3');
  });

  it('have their number seen where the name is long', () => {
    const long = 'Bartholomew Featherstonehaugh';
    expect(named(long, long)).toEqual([long, 'Bartholomew Feathers… 2']);
  });

  it('are not those whose names differ', () => {
    const names = [
      'Bob',
      'Rob',
      'Bo',
      '\u0420\u043e\u043c\u0430',
      'रवि',
      'रव',
      '李',
      '👍',
      '👎',
      'Lea',
      'Leo',
    ];
    expect(named(...names)).toEqual(names);
  });
});

it.each([
  'You',
  'YOU',
  'y\u043eu',
  '\u03a5\u03bf\u03c5',
  'Y0u',
  'You.',
  'You 2',
  'you, muted',
  '\u24ce\u24de\u24e4',
])('nobody passes for this person: %s', (name) => {
  expect(named(name)).toEqual([`Guest “${name}”`]);
});

it('nothing that cannot be seen is a name, and some names only begin like this person’s', () => {
  expect(named('\u3164\u00ad', 'Youssef', 'Young')).toEqual(['Guest', 'Youssef', 'Young']);
});
