/** `npm test` itself: its last lines and its exit code, over small suites of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../../scripts/lib/start-parley.ts';

/** The exit code and all of the standard output. Any executable stands for Chromium: no browser is started. */
async function testing(suite: string): Promise<{ code: unknown; said: string }> {
  const root = mkdtempSync(join(tmpdir(), 'parley-count-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'one.test.ts'), suite);
  const words = [join(projectRoot, 'scripts', 'test.ts'), '--root', root, '--globals'];
  const child = spawn(process.execPath, words, {
    env: { ...process.env, CHROMIUM: process.execPath },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exit = once(child, 'exit');
  const said = await text(child.stdout);
  return { code: (await exit)[0], said };
}

it.each([
  ['all pass', 'it("a", () => {}); it("b", () => {});', 0, ['2 passed, 0 failed']],
  [
    'some are skipped',
    'it("a", () => {}); it.skip("b", () => {}); describe.skip("c", () => { it("d", () => {}); it("e", () => {}); });',
    0,
    ['3 passed over', '1 passed, 0 failed'],
  ],
  [
    'one fails',
    'it("a", () => {}); it("b", () => expect(1).toBe(2)); it.todo("c");',
    1,
    ['1 passed over', '1 passed, 1 failed'],
  ],
  ['all are skipped', 'it.skip("a", () => {});', 1, ['1 passed over', '0 passed, 0 failed']],
  ['a file cannot be loaded', 'throw new Error("no suite");', 1, ['0 passed, 1 failed']],
])('ends with the count where %s', async (_case, suite, code, lines) => {
  const ran = await testing(suite);
  expect(ran.said.match(/^\d+ passed(?: over|, \d+ failed)$/gm)).toEqual(lines);
  expect(ran.said.endsWith(`\n${lines.join('\n')}\n`)).toBe(true);
  expect(ran.code).toBe(code);
});
