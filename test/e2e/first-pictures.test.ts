import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestWidths?: number[];
  }
}

/** Runs in the page before its scripts: notes every width that a picture on screen has had. */
function noteWidths(): void {
  const widths: number[] = [];
  window.parleyTestWidths = widths;
  document.addEventListener(
    'resize',
    ({ target }) => {
      if (target instanceof HTMLVideoElement && !target.muted) widths.push(target.videoWidth);
    },
    true,
  );
}

it('pictures begin at half their size and grow to all of it, whoever offered', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice', { init: noteWidths });
  await alice.join();
  const bob = await stage.open(url, 'Bob', { init: noteWidths });
  await bob.join();
  await waitForMedia([alice, bob], 1);
  for (const { page } of [alice, bob]) {
    await page.waitForFunction(() => window.parleyTestWidths?.at(-1) === 320);
    // The harness's camera delivers 320 by 240.
    const widths = await page.evaluate(() => [...new Set(window.parleyTestWidths)]);
    expect(widths.filter((width) => width > 2)).toEqual([160, 320]);
  }
});
