/** The installation of Debian's packages, by a stand-in for apt-get that writes down what it is asked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { installDebianPackage } from '../../scripts/lib/debian-package.ts';

/** `fails`: the word of the request that it does not fulfil. */
function aptGet(fails: string): { path: string; asked: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'parley-apt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [path, log] = [join(folder, 'apt-get'), join(folder, 'log')];
  writeFileSync(log, '');
  writeFileSync(path, `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >>'${log}'\n[ "$1" != '${fails}' ]\n`, {
    mode: 0o755,
  });
  return { path, asked: () => readFileSync(log, 'utf8') };
}

const ASKED = 'noninteractive update\nnoninteractive install -y --no-install-recommends hello\n';

it.each([
  ['', true],
  ['update', true],
  ['install', false],
])('fetches the lists, then installs, where %j fails', async (fails, isInstalled) => {
  const { path, asked } = aptGet(fails);
  expect(await installDebianPackage('hello', { aptGet: path, isRoot: true })).toBe(isInstalled);
  expect(asked()).toBe(ASKED);
});

it('does nothing for whoever is not root, nor where there is no apt', async () => {
  const { path, asked } = aptGet('');
  expect(await installDebianPackage('hello', { aptGet: path, isRoot: false })).toBe(false);
  expect(await installDebianPackage('hello', { aptGet: `${path}-not`, isRoot: true })).toBe(false);
  expect(asked()).toBe('');
});

it('does not ask apt while another of the tests does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-apt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [path, lock] = [join(folder, 'apt-get'), join(folder, 'lock')];
  // As apt does, it fails where its lock is held.
  writeFileSync(path, `#!/bin/sh\nmkdir '${lock}' && sleep 0.3 && rmdir '${lock}'\n`, { mode: 0o755 });
  const module = new URL('../../scripts/lib/debian-package.ts', import.meta.url).href;
  const script = `import { installDebianPackage } from '${module}';
    process.exitCode = (await installDebianPackage('hello', { aptGet: '${path}', isRoot: true })) ? 0 : 1;`;
  const installs = ['one', 'another'].map(() =>
    spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' }),
  );
  const codes = await Promise.all(installs.map(async (install) => (await once(install, 'exit'))[0]));
  expect(codes).toEqual([0, 0]);
});
