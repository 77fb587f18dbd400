import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const results = await page.evaluate<AxeResults>('axe.run()');
  return results.violations.map((violation) => `${violation.id}: ${violation.nodes[0]?.html}`);
}

it('axe finds nothing on home, lobby, call and how it works', async () => {
  const visitor = await stage.open(stage.system.url, 'Visitor');
  await visitor.page.getByRole('button', { name: 'Start a call' }).waitFor();
  expect(await violations(visitor.page)).toEqual([]);

  await visitor.page.getByRole('link', { name: 'How it works' }).click();
  await visitor.page.getByRole('heading', { name: 'How it works', level: 1 }).waitFor();
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 1280]) {
      await visitor.page.emulateMedia({ colorScheme });
      await visitor.page.setViewportSize({ width, height: 800 });
      expect(await violations(visitor.page)).toEqual([]);
    }
  }

  const alice = await stage.open(stage.invitation(), 'Alice');
  await alice.page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  expect(await violations(alice.page)).toEqual([]);
  await alice.join();
  expect(await violations(alice.page)).toEqual([]);
});
