import { expect, it } from 'vitest';
import { coloursOf, POINTER_COLOURS } from '../../app/state/pointer-colours.ts';
import { randomOf } from '../fakes/random.ts';

const random = randomOf(7);
const randomKey = () =>
  Array.from({ length: 43 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');

it('up to eight people have colours that differ, the same for each of them, whoever they saw first', () => {
  for (let call = 0; call < 500; call += 1) {
    const keys = Array.from({ length: 1 + (call % POINTER_COLOURS) }, randomKey);
    const colours = coloursOf(keys);
    expect(new Set(colours.values()).size).toBe(keys.length);
    for (const colour of colours.values()) expect(colour).toBeGreaterThanOrEqual(0);
    for (const colour of colours.values()) expect(colour).toBeLessThan(POINTER_COLOURS);
    const others = new Map([...coloursOf(keys.toReversed())].sort());
    expect(others).toEqual(new Map([...colours].sort()));
  }
});

it('somebody who comes changes the colour of less than one of five', () => {
  let changes = 0;
  for (let call = 0; call < 500; call += 1) {
    const keys = Array.from({ length: 5 }, randomKey);
    const before = coloursOf(keys);
    const after = coloursOf([...keys, randomKey()]);
    changes += keys.filter((key) => before.get(key) !== after.get(key)).length;
  }
  expect(changes / 500).toBeLessThan(1);
});

it('more people than there are colours all have one', () => {
  const keys = Array.from({ length: 20 }, randomKey);
  const colours = [...coloursOf(keys).values()];
  expect(colours).toHaveLength(20);
  expect(new Set(colours).size).toBe(POINTER_COLOURS);
});
