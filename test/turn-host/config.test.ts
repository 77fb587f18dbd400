import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../turn-host/config.ts';
import { mintCredential, parseUsername, passwordOf } from '../../turn-host/credential.ts';

describe('the configuration', () => {
  it('needs a secret and nothing else', () => {
    const result = readConfig({ TURN_SECRET: 'a, b' });
    expect(result).toMatchObject({
      ok: true,
      config: { secrets: ['a', 'b'], port: 3478, tcp: true, tls: null, minPort: 49152, maxPort: 65535 },
    });
    expect(result).toMatchObject({ config: { peerPolicy: 'room', workers: 1 } });
  });

  it('names every fault at once', () => {
    const result = readConfig({
      TURN_SECRET: '',
      TURN_PORT: '-1',
      TURN_LISTEN: 'localhost',
      TURN_RELAY_IP: '0.0.0.0',
      TURN_MIN_PORT: '60000',
      TURN_MAX_PORT: '50000',
      TURN_REALM: 'two words',
      TURN_PEER_POLICY: 'anyone',
    });
    const faults = result.ok ? [] : result.faults;
    expect(faults).toHaveLength(7);
    const names = ['TURN_SECRET', 'TURN_PORT', 'TURN_MIN_PORT', 'TURN_LISTEN', 'TURN_RELAY_IP', 'TURN_REALM'];
    for (const name of [...names, 'TURN_PEER_POLICY']) {
      expect(faults.some((fault) => fault.startsWith(name))).toBe(true);
    }
  });

  it('reads a file beneath the environment, and names its lines that are no setting', () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-config-'));
    const file = join(folder, 'relay.env');
    try {
      writeFileSync(file, '# a comment\n\nTURN_SECRET = from file\nTURN_PORT=4000\nTURN_REALM=file\n');
      const result = readConfig({ TURN_CONFIG: file, TURN_REALM: 'environment', TURN_PORT: '' });
      expect(result).toMatchObject({
        config: { secrets: ['from file'], port: 4000, realm: 'environment' },
      });
      writeFileSync(file, 'TURN_SECRET=s\nTURN_SECRETS=t\nexport X=1\nconstructor=1\n');
      const wrong = readConfig({ TURN_CONFIG: file });
      expect(wrong.ok ? [] : wrong.faults.map((fault) => fault.slice(0, 6))).toEqual(
        [2, 3, 4].map((n) => `Line ${n}`),
      );
      expect(readConfig({ TURN_CONFIG: join(folder, 'nowhere') }).ok).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('doubts what looks like a setting and is none', () => {
    const env = { TURN_SECRET: 's', TURN_MAXPORT: '60000', TURN_URLS: 'turn:relay.example', OTHER: '1' };
    const result = readConfig(env);
    expect(result.ok && result.doubts).toEqual([
      'TURN_MAXPORT is no setting of the relay, and is not heeded.',
    ]);
  });

  it('takes addresses of both families, and what they are called outside', () => {
    const read = (env: Record<string, string>) => {
      const result = readConfig({ TURN_SECRET: 's', ...env });
      return result.ok ? result.config.relays : result.faults;
    };
    const ips = { TURN_LISTEN: '0.0.0.0,::', TURN_RELAY_IP: '10.0.0.5, fd00::5' };
    expect(read({ ...ips, TURN_EXTERNAL_IP: '8.8.4.4' })).toEqual([
      { ip: '10.0.0.5', externalIp: '8.8.4.4', family: 4 },
      { ip: 'fd00::5', externalIp: 'fd00::5', family: 6 },
    ]);
    expect(read({ TURN_RELAY_IP: '10.0.0.5,10.0.0.6', TURN_EXTERNAL_IP: '8.8.4.4/10.0.0.6' })).toEqual([
      { ip: '10.0.0.5', externalIp: '10.0.0.5', family: 4 },
      { ip: '10.0.0.6', externalIp: '8.8.4.4', family: 4 },
    ]);
    for (const external of [
      '8.8.4.4',
      '8.8.4.4/10.0.0.7',
      'x/10.0.0.5',
      '::1/10.0.0.5',
      '0.0.0.0/10.0.0.5',
    ]) {
      const faults = read({ TURN_RELAY_IP: '10.0.0.5,10.0.0.6', TURN_EXTERNAL_IP: external });
      expect(faults).toEqual([expect.stringContaining(`TURN_EXTERNAL_IP has "${external}"`)]);
    }
  });

  it('names what is missing of TLS, and a number that is none', () => {
    const result = readConfig({
      TURN_SECRET: 's',
      TURN_TLS_PORT: '443',
      TURN_WORKERS: '0',
      DATA_PATH: 'fast',
      TURN_MAX_PER_USER: '1e3',
      TURN_ALLOW_LOOPBACK: 'yes',
    });
    const names = [
      'TURN_ALLOW_LOOPBACK',
      'TURN_TLS_CERT',
      'TURN_TLS_KEY',
      'TURN_WORKERS',
      'DATA_PATH',
      'TURN_MAX_PER_USER',
    ];
    expect(result.ok ? [] : result.faults.map((fault) => fault.split(' ')[0])).toEqual(names);
  });

  it.each([
    [{ TURN_REALM: 'thirteen-char' }, /^TURN_REALM must be 1 to 12 .*2\.3 times/],
    [{ TURN_LISTEN: '127.0.0.1,::1,127.0.0.1' }, /^TURN_LISTEN has 127\.0\.0\.1 twice/],
    [{ TURN_LISTEN: '::ffff:127.0.0.1' }, /^TURN_LISTEN must hold .*not "::ffff:127\.0\.0\.1"/],
    [{ TURN_RELAY_IP: '::ffff:10.0.0.5' }, /^TURN_RELAY_IP must hold .*not "::ffff:10\.0\.0\.5"/],
    [{ TURN_RELAY_IP: '10.0.0.5', TURN_EXTERNAL_IP: '8.8.4.4/10.0.0.5/x' }, /^TURN_EXTERNAL_IP has "8\.8\.4/],
    [
      { TURN_PORT: '443', TURN_TLS_PORT: '443', TURN_TLS_CERT: 'a', TURN_TLS_KEY: 'b' },
      /^TURN_TLS_PORT \(443\) must not be TURN_PORT/,
    ],
    [{ TURN_PORT: '5000', TURN_METRICS_PORT: '5000' }, /^TURN_METRICS_PORT \(5000\) must not be TURN_PORT/],
  ])('names what is wrong with %j', (env, sentence) => {
    const result = readConfig({ TURN_SECRET: 's', ...env });
    expect(result.ok ? [] : result.faults).toEqual([expect.stringMatching(sentence)]);
  });

  it('lets TLS have the port of UDP where there is no plain TCP', () => {
    const tls = { TURN_TLS_PORT: '443', TURN_TLS_CERT: 'a', TURN_TLS_KEY: 'b' };
    expect(readConfig({ TURN_SECRET: 's', TURN_PORT: '443', TURN_TCP: '0', ...tls }).ok).toBe(true);
  });

  it('takes the peer policies there are, and says which those are', () => {
    expect(readConfig({ TURN_SECRET: 's', TURN_PEER_POLICY: 'lan' })).toMatchObject({
      config: { peerPolicy: 'lan' },
    });
    expect(readConfig({ TURN_SECRET: 's', TURN_PEER_POLICY: 'any' })).toEqual({
      ok: false,
      faults: ['TURN_PEER_POLICY must be room, public or lan, not "any".'],
    });
  });

  it('refuses an empty secret in a list', () => {
    expect(readConfig({ TURN_SECRET: 'a,' }).ok).toBe(false);
  });
});

describe('the credential', () => {
  it('is the HMAC that the TURN REST convention says', async () => {
    // printf 1700000000:peer | openssl dgst -sha1 -hmac secret -binary | base64
    expect(await passwordOf('secret', '1700000000:peer')).toBe('m9GnlZWvaZKjLjGseKws6UpgiA0=');
    await expect(passwordOf('', 'x')).rejects.toThrow(RangeError);
  });

  it('reads back what it minted', async () => {
    const { username } = await mintCredential('secret', 'tag.peer_1-', 1_700_000_000);
    expect(parseUsername(username)).toEqual({
      expiresAtSeconds: 1_700_000_000,
      peerId: 'tag.peer_1-',
      roomTag: 'tag',
    });
  });

  it.each(['peer', '.peer', ''])('names no room in %j', (peerId) => {
    expect(parseUsername(`1:${peerId}`)?.roomTag ?? null).toBeNull();
  });

  it.each(['constructor', '', ':', '1:', ':a', '01:a', '-1:a', '1e3:a', '1:a:b', '1:a b', '1 :a', '1:a\n'])(
    'does not read %j',
    (username) => {
      expect(parseUsername(username)).toBeNull();
    },
  );
});
