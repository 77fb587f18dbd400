/**
 * Owns the built client in dist/client: whether it is whole and no older than its sources, and building it. The build runs in a
 * process of its own, so that a NODE_ENV of the caller (a test runner's) cannot turn it into a development build.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './ports.ts';

const SOURCES = ['app', 'rooms/protocol', 'vite.config.ts', 'package-lock.json'];

function newestMs(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time changes when a file is removed from it.
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestMs(join(path, name))),
    stat.mtimeMs,
  );
}

/** Written after a build that succeeded: one that fails may leave files that look whole, and load nothing. */
const stampOf = (root: string) => join(root, 'dist', '.client-built');

function clientIsFresh(root: string): boolean {
  const page = statSync(join(root, 'dist', 'client', 'index.html'), { throwIfNoEntry: false });
  const stamp = statSync(stampOf(root), { throwIfNoEntry: false });
  if (page === undefined || stamp === undefined || page.mtimeMs > stamp.mtimeMs) return false;
  return SOURCES.every((source) => newestMs(join(root, source)) <= page.mtimeMs);
}

function runVite(root: string): Promise<void> {
  return new Promise((settle, reject) => {
    const output: string[] = [];
    const vite = spawn(
      process.execPath,
      [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn'],
      { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_ENV: 'production' } },
    );
    for (const stream of [vite.stdout, vite.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
    }
    vite.on('error', reject);
    vite.on('close', (code) => {
      if (code === 0) settle();
      else reject(new StartError(`The client could not be built:\n${output.join('').trim()}`));
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Makes the directory that stands for the right to build; false while a living process holds it. */
function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'pid'), String(process.pid));
    return true;
  } catch {
    try {
      const holder = Number(readFileSync(join(lock, 'pid'), 'utf8'));
      if (holder > 0 && !isAlive(holder)) rmSync(lock, { recursive: true, force: true });
    } catch {
      // Its holder is between making the directory and writing its pid, or has just released it.
    }
    return false;
  }
}

/** Builds the client when it is older than its sources; callers in other processes wait for one build.
 * @throws StartError with the bundler's words when the sources do not build. */
export async function ensureClient(root: string, announce: (line: string) => void): Promise<void> {
  if (clientIsFresh(root)) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const lock = join(root, 'dist', '.client-build');
  while (!takeLock(lock)) await sleep(100);
  try {
    if (clientIsFresh(root)) return;
    announce('Building the client ...');
    await runVite(root);
    writeFileSync(stampOf(root), '');
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
