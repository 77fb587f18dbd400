import { expect, it } from 'vitest';
import type { Person } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

async function place(person: Person): Promise<{ x: number; y: number; width: number; stage: number[] }> {
  const own = await person.tile('You').boundingBox();
  const all = await person.page.locator('.stage').boundingBox();
  if (!own || !all) throw new Error('nothing to see');
  return {
    x: (own.x + own.width / 2 - all.x) / all.width,
    y: (own.y + own.height / 2 - all.y) / all.height,
    width: own.width / all.width,
    stage: [all.x, all.y, all.width, all.height],
  };
}

it('the own picture fills the stage alone, is small beside others, and goes to any corner by pointer and by keys', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  await alice.join();
  await alice.page.getByRole('heading', { name: 'Nobody else is here yet' }).waitFor();
  const alone = await place(alice);
  const bob = await stage.open(url, 'Bob');
  await bob.join();
  await alice.tile('Bob').waitFor();
  const small = await place(alice);
  expect(small.width).toBeLessThan(alone.width / 2);
  expect(small.x).toBeGreaterThan(0.5);
  expect(small.y).toBeGreaterThan(0.5);

  const [left = 0, top = 0, width = 0, height = 0] = small.stage;
  await alice.page.mouse.move(left + small.x * width, top + small.y * height);
  await alice.page.mouse.down();
  await alice.page.mouse.move(left + 0.3 * width, top + 0.3 * height, { steps: 5 });
  await alice.page.mouse.up();
  const dragged = await place(alice);
  expect([dragged.x < 0.5, dragged.y < 0.5]).toEqual([true, true]);

  await alice.tile('You').focus();
  await alice.page.keyboard.press('ArrowRight');
  const moved = await place(alice);
  expect([moved.x > 0.5, moved.y < 0.5]).toEqual([true, true]);
});
