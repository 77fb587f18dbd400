/** The systemd unit, read by systemd itself where there is one. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sayPassedOver } from '../fixtures/passed-over.ts';

const unit = readFileSync(new URL('../../turn-host/deploy/parley-relay.service', import.meta.url), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;
if (!hasSystemd) {
  sayPassedOver('the systemd unit', 'there is no systemd-analyze here');
}

/** What systemd finds wrong. The program is one that is there, since it looks for that too. */
function complaints(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-unit-'));
  const file = join(folder, 'parley-relay.service');
  try {
    writeFileSync(file, text.replace('/usr/bin/node', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    return `${stdout}${stderr}${status === 0 ? '' : `exit ${status}`}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.skipIf(!hasSystemd)('systemd finds no fault in the unit, and would find one', () => {
  expect(complaints(unit)).toBe('');
  expect(complaints(unit.replace('ProtectClock=yes', 'ProtectClocks=yes'))).toContain('ProtectClocks');
  expect(complaints(unit.replace('@resources', '@resource'))).toContain('@resource');
});
