import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { ensureClient } from '../../scripts/lib/client.ts';

/** A project whose bundler writes a page, and then ends with the code that the file `code` names. */
function project(): { root: string; write: (path: string, text: string) => void } {
  const root = mkdtempSync(join(tmpdir(), 'parley-client-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('app/main.tsx', '');
  write(
    'node_modules/vite/bin/vite.js',
    `const fs = require('node:fs');
     fs.mkdirSync('dist/client', { recursive: true });
     fs.writeFileSync('dist/client/index.html', '');
     console.error('words of the bundler');
     process.exit(Number(fs.readFileSync('code', 'utf8')));`,
  );
  return { root, write };
}

it('builds once for the same sources, and again after a build that failed, whatever that left behind', async () => {
  const { root, write } = project();
  const said: string[] = [];
  const ensure = () => ensureClient(root, (line) => said.push(line));
  write('code', '1');
  await expect(ensure()).rejects.toThrow('words of the bundler');
  await expect(ensure()).rejects.toThrow('words of the bundler');
  write('code', '0');
  await ensure();
  await ensure();
  expect(said).toHaveLength(3);
  // File systems tell apart what is a few milliseconds apart.
  await sleep(50);
  write('app/main.tsx', 'changed');
  await ensure();
  expect(said).toHaveLength(4);
  // By somebody else, and nobody knows how it ended.
  await sleep(50);
  write('dist/client/index.html', '');
  await ensure();
  expect(said).toHaveLength(5);
});
