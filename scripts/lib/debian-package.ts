/** Owns installing a package of Debian for the tests. Knows nothing of what the package is for. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DebianOptions {
  env?: NodeJS.ProcessEnv;
  aptGet?: string;
  isRoot?: boolean;
}

/**
 * Installs the package as root on a machine with apt, saying so on standard error; false where that cannot be, and never
 * rejects. The lists are fetched first: an image often comes without any. Who asks while another installs waits its turn,
 * since apt would fail.
 */
export async function installDebianPackage(name: string, options: DebianOptions = {}): Promise<boolean> {
  const { env = process.env, aptGet = '/usr/bin/apt-get', isRoot = process.getuid?.() === 0 } = options;
  if (!isRoot || !existsSync(aptGet)) return false;
  process.stderr.write(`Installing the package ${name} ...\n`);
  const apt = (...words: string[]) =>
    new Promise<boolean>((resolve) => {
      const asked = spawn('flock', [join(tmpdir(), 'parley-apt.lock'), aptGet, ...words], {
        stdio: ['ignore', 2, 2],
        env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
      });
      asked.on('error', () => resolve(false));
      asked.on('exit', (code) => resolve(code === 0));
    });
  // One list that cannot be fetched fails the update, though the package may be in another.
  await apt('update');
  return apt('install', '-y', '--no-install-recommends', name);
}
