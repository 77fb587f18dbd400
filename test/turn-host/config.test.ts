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
