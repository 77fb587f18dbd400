import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorityFolder, lanCertificate } from '../../scripts/lib/authority.ts';

describe('the local authority', () => {
  let folder: string;
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'parley-authority-')), 'parley');
  });
  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('issues a certificate for localhost and the LAN addresses, and keeps its keys to itself', async () => {
    const made = await lanCertificate(folder, ['192.168.7.5']);
    const leaf = new X509Certificate(made.certificate);
    const authority = new X509Certificate(made.authority);
    expect(authority.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.checkHost('localhost')).toBe('localhost');
    expect(leaf.checkIP('192.168.7.5')).toBe('192.168.7.5');
    expect(leaf.checkIP('192.168.7.6')).toBeUndefined();
    for (const name of ['authority.key', 'leaf.key']) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('keeps what serves, renews the leaf when the addresses change, and survives a damaged file', async () => {
    const first = await lanCertificate(folder, ['192.168.7.5']);
    expect(await lanCertificate(folder, ['192.168.7.5'])).toEqual(first);
    const moved = await lanCertificate(folder, ['10.0.0.9']);
    expect(moved.authority).toBe(first.authority);
    expect(moved.certificate).not.toBe(first.certificate);
    writeFileSync(join(folder, 'authority.crt'), 'damaged');
    const remade = await lanCertificate(folder, ['10.0.0.9']);
    expect(remade.authority).not.toBe(first.authority);
    const leaf = new X509Certificate(remade.certificate);
    expect(leaf.verify(new X509Certificate(remade.authority).publicKey)).toBe(true);
  });

  it('lives in the data folder of the account', () => {
    expect(authorityFolder({ XDG_DATA_HOME: '/data' })).toBe('/data/parley');
    expect(authorityFolder({ XDG_DATA_HOME: 'relative' })).toMatch(/\.local\/share\/parley$/);
  });
});
