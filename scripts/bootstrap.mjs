// Owns the step from "a clone and any Node from 20 on" to "the project's own Node runs the script": installs the
// locked packages when they are missing or older than the lock file, then hands over to the Node 24 binary that the
// `node` package brought. Plain JavaScript without dependencies, since nothing is installed yet when it starts.
//
// Usage: node scripts/bootstrap.mjs SCRIPT [ARGUMENTS]; with no SCRIPT it only installs.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binaries = join(root, 'node_modules', '.bin');
const windows = process.platform === 'win32';
const projectNode = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');
/** npm rewrites this file at the end of every install, so its age is the age of the installation. */
const installedLock = join(root, 'node_modules', '.package-lock.json');
const lock = join(root, 'package-lock.json');

function installed() {
  return (
    existsSync(projectNode) &&
    existsSync(installedLock) &&
    statSync(installedLock).mtimeMs >= statSync(lock).mtimeMs
  );
}

/** Standard output belongs to the script, so npm's goes to standard error. */
function npmCi() {
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['inherit', 2, 2],
    shell: windows,
  });
  return npm.status === 0;
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Parley needs Node 20 or newer to install itself; this is ${process.version}.`);
}

if (!installed()) {
  process.stderr.write('Installing the packages of package-lock.json ...\n');
  if (!npmCi()) {
    fail('The packages could not be installed; see the lines above.');
  }
  if (!existsSync(projectNode)) {
    fail("The node package brought no binary: allow its install script (npm's allowScripts) and try again.");
  }
}

const [script, ...rest] = process.argv.slice(2);
if (script !== undefined) {
  const child = spawn(projectNode, [script, ...rest], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` },
  });
  // A terminal sends Ctrl-C to the whole group, so the child may hear it twice; its shutdown is idempotent.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`The project's Node could not be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
}
