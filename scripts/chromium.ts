/** Prints the path of the Chromium that the tests would use, installing it first where that is possible. */
import { ensureChromium } from './lib/chromium.ts';

const chromium = await ensureChromium();
if (chromium.status === 'found') {
  process.stdout.write(`${chromium.path}\n`);
} else {
  process.stderr.write(`${chromium.sentence}\n`);
  process.exitCode = 1;
}
