/**
 * Owns finding a Chromium for the browser tests: the one named by CHROMIUM, the usual paths, Playwright's cache, and,
 * for root on a Debian, an installation of Debian's package. Knows nothing of the tests themselves.
 */
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { installDebianPackage } from './debian-package.ts';

export type FoundChromium = { status: 'found'; path: string } | { status: 'missing'; sentence: string };

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'];
const FIXED_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
/** Where the executable lies inside one of Playwright's `chromium-REVISION` folders, by platform. */
const PLAYWRIGHT_EXECUTABLES = [
  'chrome-linux64/chrome',
  'chrome-linux/chrome',
  'chrome-mac-arm64/Chromium.app/Contents/MacOS/Chromium',
  'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function inPlaywrightsCache(env: NodeJS.ProcessEnv): string[] {
  const caches = [
    env.PLAYWRIGHT_BROWSERS_PATH,
    join(homedir(), '.cache', 'ms-playwright'),
    join(homedir(), 'Library', 'Caches', 'ms-playwright'),
  ];
  return caches.flatMap((cache) => {
    if (cache === undefined || !existsSync(cache)) return [];
    const revisions = readdirSync(cache)
      .filter((name) => /^chromium-\d+$/.test(name))
      .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)));
    return revisions.flatMap((name) => PLAYWRIGHT_EXECUTABLES.map((tail) => join(cache, name, tail)));
  });
}

/** Looks without installing. A CHROMIUM that is set but not executable is an error, not a hint. */
function locateChromium(env: NodeJS.ProcessEnv = process.env): FoundChromium {
  const named = env.CHROMIUM;
  if (named !== undefined && named !== '') {
    return isExecutable(named)
      ? { status: 'found', path: named }
      : { status: 'missing', sentence: `CHROMIUM names ${named}, which is not an executable file.` };
  }
  const onPath = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => COMMANDS.map((command) => join(folder, command)));
  const path = [...FIXED_PATHS, ...onPath, ...inPlaywrightsCache(env)].find(isExecutable);
  if (path !== undefined) return { status: 'found', path };
  return {
    status: 'missing',
    sentence: 'The browser tests need Chromium: install the chromium package, or set CHROMIUM to its path.',
  };
}

/** Looks, and as root on a machine with apt installs Debian's Chromium when there is none. */
export async function ensureChromium(env: NodeJS.ProcessEnv = process.env): Promise<FoundChromium> {
  const found = locateChromium(env);
  const mayInstall = found.status === 'missing' && (env.CHROMIUM ?? '') === '';
  return mayInstall && (await installDebianPackage('chromium', { env })) ? locateChromium(env) : found;
}
