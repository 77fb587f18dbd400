import { describe, expect, it } from 'vitest';
import { decodeBase64Url, encodeBase64Url } from '../../app/crypto/base64url.ts';
import { compareBytes } from '../../app/crypto/bytes.ts';
import { memberKeyOf, openHello, sealHello } from '../../app/crypto/hello-seal.ts';
import { createIdentity, createNonce } from '../../app/crypto/identity.ts';
import { deriveRoomKeys } from '../../app/crypto/room-keys.ts';
import { cleanName, decodeHello, encodeHello, type Hello } from '../../app/wire/hello.ts';

function helloOf(name: string): Hello {
  const publicKey = new Uint8Array(65).fill(5);
  publicKey[0] = 4;
  return {
    version: 1,
    publicKey,
    fingerprint: new Uint8Array(32).fill(6),
    nonce: new Uint8Array(32).fill(7),
    name,
    capabilities: 0x80000001,
  };
}

describe('base64url', () => {
  it('agrees with the platform for every length', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length * 11) & 255);
      const text = Buffer.from(bytes).toString('base64url');
      expect(encodeBase64Url(bytes)).toBe(text);
      expect(decodeBase64Url(text)).toEqual(bytes);
    }
  });

  it.each(['A', 'AB', 'AAB', 'AA==', 'A A', 'AA+/', 'AAé', 'AA\n', 'AAAAA'])('refuses %j', (text) => {
    expect(decodeBase64Url(text)).toBeNull();
  });
});

describe('the hello in bytes', () => {
  it.each(['', 'Ada', 'x'.repeat(40), '\u{1f600}'.repeat(40)])('round trip: %j', (name) => {
    const hello = helloOf(name);
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
  });

  it('tells little of the name by its length', () => {
    expect(encodeHello(helloOf('A'))).toHaveLength(encodeHello(helloOf('A'.repeat(32))).length);
  });

  it('refuses every truncation, any extra byte, other versions and non-zero padding', () => {
    const bytes = encodeHello(helloOf('Ada'));
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeHello(bytes.subarray(0, length))).toBeNull();
    }
    expect(decodeHello(Uint8Array.from([...bytes, 0]))).toBeNull();
    for (const [at, value] of [
      [0, 2],
      [1, 2],
      [bytes.length - 1, 1],
    ] as const) {
      const changed = bytes.slice();
      changed[at] = value;
      expect(decodeHello(changed)).toBeNull();
    }
  });

  it('throws for fields out of bounds', () => {
    const hello = helloOf('Ada');
    expect(() => encodeHello({ ...hello, nonce: new Uint8Array(31) })).toThrow(RangeError);
    expect(() => encodeHello({ ...hello, publicKey: new Uint8Array(65) })).toThrow(RangeError);
    expect(() => encodeHello({ ...hello, capabilities: -1 })).toThrow(RangeError);
  });
});

describe('cleanName', () => {
  it.each([
    ['  Ada \t Lovelace\n', 'Ada Lovelace'],
    ['A\u0000d\u001ba\u0085', 'Ada'],
    ['\u202eevil\u202c \u2066x\u2069', 'evil x'],
    ['\u200b\ufeff\u2060', ''],
    ['e\u0301', '\u00e9'],
    ['\ud800x\udc00', 'x'],
    ['\u{1f468}\u200d\u{1f469}', '\u{1f468}\u200d\u{1f469}'],
    ['a\u2028b', 'a b'],
    ['x'.repeat(41), 'x'.repeat(40)],
  ])('%j becomes %j', (name, clean) => {
    expect(cleanName(name)).toBe(clean);
    expect(cleanName(clean)).toBe(clean);
  });

  it('bounds its work and its result', () => {
    const clean = cleanName('\u{1f600}\u0301'.repeat(100_000));
    expect([...clean].length).toBeLessThanOrEqual(40);
    expect(new TextEncoder().encode(clean).length).toBeLessThanOrEqual(160);
  });
});

describe('the sealed hello', () => {
  const secret = new Uint8Array(16).fill(1);

  it('opens with the same link, with exactly the sealed bytes', async () => {
    const keys = await deriveRoomKeys(secret, '');
    const hello = helloOf('Ada');
    const sealed = await sealHello(keys, hello);
    expect(sealed.length).toBeLessThanOrEqual(1024);
    expect(await openHello(keys, sealed)).toEqual({ hello, bytes: encodeHello(hello) });
    expect(await sealHello(keys, hello)).not.toBe(sealed);
  });

  it('stays shut for another link, another password and another room id', async () => {
    const keys = await deriveRoomKeys(secret, '');
    const sealed = await sealHello(keys, helloOf('Ada'));
    expect(await openHello(await deriveRoomKeys(new Uint8Array(16).fill(2), ''), sealed)).toBeNull();
    expect(await openHello(await deriveRoomKeys(secret, 'password'), sealed)).toBeNull();
    expect(await openHello({ ...keys, roomId: 'AAAAAAAAAAAAAAAAAAAAAA' }, sealed)).toBeNull();
  });

  it('stays shut when any byte is changed or cut', async () => {
    const keys = await deriveRoomKeys(secret, '');
    const payload = decodeBase64Url(await sealHello(keys, helloOf('Ada')));
    if (payload === null) throw new Error('not base64url');
    for (let at = 0; at < payload.length; at++) {
      const changed = payload.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await openHello(keys, encodeBase64Url(changed))).toBeNull();
      expect(await openHello(keys, encodeBase64Url(payload.subarray(0, at)))).toBeNull();
    }
    expect(await openHello(keys, 'A'.repeat(1028))).toBeNull();
    expect(await openHello(keys, 'no base64!')).toBeNull();
  });
});

it('names a person by the whole hello, so that a copied public key is somebody else', async () => {
  const ada = helloOf('Ada');
  const forged = { ...ada, fingerprint: ada.fingerprint.map((byte) => byte ^ 1) };
  const key = await memberKeyOf(encodeHello(ada));
  expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(await memberKeyOf(encodeHello({ ...ada }))).toBe(key);
  expect(await memberKeyOf(encodeHello(forged))).not.toBe(key);
});

describe('identity', () => {
  it('is fresh each time and cannot be taken out', async () => {
    const one = await createIdentity();
    const other = await createIdentity();
    expect(one.publicKey).toHaveLength(65);
    expect(one.privateKey.extractable).toBe(false);
    expect(one.publicKey).not.toEqual(other.publicKey);
    await expect(crypto.subtle.exportKey('pkcs8', one.privateKey)).rejects.toThrow();
  });

  it('joins with a nonce that is larger the later that is, and never the same', () => {
    const nonce = createNonce(1_800_000_000_500);
    expect(nonce).toHaveLength(32);
    expect(createNonce(1_800_000_000_500)).not.toEqual(nonce);
    for (const laterMs of [1_800_000_000_501, 1_800_000_256_000, 4_000_000_000_000, 40_000_000_000_000])
      expect(compareBytes(createNonce(laterMs), nonce)).toBeGreaterThan(0);
  });
});
