import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ensureClient } from '../../scripts/lib/client.ts';
import { projectRoot } from '../../scripts/lib/start-parley.ts';

it('wrangler takes the configuration, the Worker and the client for a deployment', async () => {
  await ensureClient(projectRoot, () => {});
  const folder = mkdtempSync(join(tmpdir(), 'parley-deploy-'));
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(projectRoot, 'node_modules', 'wrangler', 'bin', 'wrangler.js'),
        'deploy',
        '--dry-run',
        '--outdir',
        folder,
      ],
      {
        cwd: projectRoot,
        env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', CI: '1' },
      },
    );
    expect(stdout).toContain('env.ROOMS');
    expect(readFileSync(join(folder, 'index.js'), 'utf8')).toContain('ParleyRoom');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
