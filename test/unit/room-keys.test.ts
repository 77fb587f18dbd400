import { createHash, hkdfSync, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveRoomKeys } from '../../app/crypto/room-keys.ts';

const SECRET = Uint8Array.from({ length: 16 }, (_, at) => at);

function hkdf(input: Uint8Array, label: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', input, 'parley/v1', label, length));
}

/** A ciphertext only `key` opens, to compare keys that cannot be exported. */
async function opens(helloKey: CryptoKey, raw: Buffer): Promise<boolean> {
  const iv = new Uint8Array(12);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, helloKey, SECRET);
  const same = await crypto.subtle.importKey('raw', new Uint8Array(raw), 'AES-GCM', false, ['decrypt']);
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv }, same, sealed).then(
    () => true,
    () => false,
  );
}

describe('room keys', () => {
  it('without a password follow the key schedule', async () => {
    const keys = await deriveRoomKeys(SECRET, '');
    expect(keys.roomId).toBe(hkdf(SECRET, 'room', 16).toString('base64url'));
    expect(Buffer.from(keys.psk)).toEqual(hkdf(SECRET, 'psk', 32));
    expect(await opens(keys.helloKey, hkdf(SECRET, 'hello', 32))).toBe(true);
    expect(keys.helloKey.extractable).toBe(false);
  });

  it('with a password follow the key schedule', async () => {
    const salt = createHash('sha256').update('parley/v1 password').update(SECRET).digest();
    const stretched = pbkdf2Sync('fi\u00e9', salt, 600_000, 32, 'sha256');
    const input = Buffer.concat([SECRET, stretched]);
    // NFKC: the ligature and the combining accent are the same password.
    const keys = await deriveRoomKeys(SECRET, '\ufb01e\u0301');
    expect(keys.roomId).toBe(hkdf(SECRET, 'room', 16).toString('base64url'));
    expect(Buffer.from(keys.psk)).toEqual(hkdf(input, 'psk', 32));
    expect(await opens(keys.helloKey, hkdf(input, 'hello', 32))).toBe(true);
    expect(await opens(keys.helloKey, hkdf(SECRET, 'hello', 32))).toBe(false);
  });

  it('refuses a secret of another length', async () => {
    await expect(deriveRoomKeys(new Uint8Array(15), '')).rejects.toThrow(RangeError);
  });
});
