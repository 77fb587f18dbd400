/**
 * Owns `npm test`: finds Chromium, runs vitest with its own output streaming by, and ends with one line that says how
 * many tests passed and failed; before it comes how many were passed over, if any were. Arguments are handed to vitest
 * (`npm test -- test/unit`).
 *
 * Exit code 0 only when tests ran, all of them passed, and vitest itself reported no error.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './lib/chromium.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

interface Count {
  passed: number;
  failed: number;
  /** What this machine cannot show, what is still to be written, and what the arguments leave out. */
  passedOver: number;
}

/** Reads the numbers of vitest's JSON report; a file that failed to load counts as one failed test. */
function readCount(path: string): Count | null {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
  if (typeof report !== 'object' || report === null) return null;
  if (!('numPassedTests' in report) || typeof report.numPassedTests !== 'number') return null;
  if (!('numFailedTests' in report) || typeof report.numFailedTests !== 'number') return null;
  if (!('numPendingTests' in report) || typeof report.numPendingTests !== 'number') return null;
  if (!('numTodoTests' in report) || typeof report.numTodoTests !== 'number') return null;
  let unloaded = 0;
  if ('testResults' in report && Array.isArray(report.testResults)) {
    for (const file of report.testResults as unknown[]) {
      if (typeof file !== 'object' || file === null) continue;
      const failed = 'status' in file && file.status === 'failed';
      const results: unknown = 'assertionResults' in file ? file.assertionResults : null;
      if (failed && Array.isArray(results) && results.length === 0) unloaded += 1;
    }
  }
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded,
    passedOver: report.numPendingTests + report.numTodoTests,
  };
}

function runVitest(reportPath: string, chromium: string): Promise<number> {
  return new Promise((settle, reject) => {
    const child = spawn(
      process.execPath,
      [
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${reportPath}`,
        ...process.argv.slice(2),
      ],
      { cwd: root, stdio: 'inherit', env: { ...process.env, CHROMIUM: chromium } },
    );
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => child.kill(signal));
    }
    child.on('error', reject);
    child.on('exit', (code) => settle(code ?? 1));
  });
}

const chromium = await ensureChromium();
if (chromium.status === 'missing') {
  process.stderr.write(`${chromium.sentence}\n`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
const reportPath = join(folder, 'report.json');
const code = await runVitest(reportPath, chromium.path);
const count = readCount(reportPath);
rmSync(folder, { recursive: true, force: true });

if (count === null) process.stderr.write('vitest ended without a report.\n');
const { passed, failed, passedOver } = count ?? { passed: 0, failed: 0, passedOver: 0 };
const good = code === 0 && count !== null && failed === 0 && passed > 0;
if (!good && failed === 0) {
  process.stderr.write(
    passed === 0 ? 'No test ran.\n' : 'vitest reported errors outside of the tests; see above.\n',
  );
}
process.exitCode = good ? 0 : 1;
if (passedOver > 0) process.stdout.write(`${passedOver} passed over\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
