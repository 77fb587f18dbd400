import { createDecipheriv, createECDH, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeBase64Url, encodeBase64Url } from '../../app/crypto/base64url.ts';
import { deflate, inflate } from '../../app/crypto/deflate.ts';
import { createIdentity, type Identity } from '../../app/crypto/identity.ts';
import { derivePair, type PairKeys } from '../../app/crypto/pair.ts';
import { encodeHello } from '../../app/wire/hello.ts';

const ROOM = 'AAAAAAAAAAAAAAAAAAAAAA';
const PSK = new Uint8Array(32).fill(9);
const ALICE = 'tagtagta.aaaaaaaaaaaaaaaa';
const BOB = 'tagtagta.bbbbbbbbbbbbbbbb';

interface Member {
  readonly identity: Identity;
  readonly hello: Uint8Array<ArrayBuffer>;
}

function helloBytesOf({ publicKey }: Identity, name: string): Uint8Array<ArrayBuffer> {
  return encodeHello({
    version: 1,
    publicKey,
    nonce: new Uint8Array(32).fill(4),
    fingerprint: new Uint8Array(32).fill(3),
    name,
    capabilities: 0,
  });
}

async function member(name: string): Promise<Member> {
  const identity = await createIdentity();
  return { identity, hello: helloBytesOf(identity, name) };
}

function pairOf(own: Member, peer: Member, changes: { psk?: Uint8Array<ArrayBuffer>; roomId?: string } = {}) {
  return derivePair({
    roomId: changes.roomId ?? ROOM,
    psk: changes.psk ?? PSK,
    identity: own.identity,
    ownHelloBytes: own.hello,
    peerHelloBytes: peer.hello,
    peerPublicKey: peer.identity.publicKey,
  });
}

function present(pair: PairKeys | null): PairKeys {
  if (pair === null) throw new Error('no pair');
  return pair;
}

async function aliceAndBob(): Promise<{ alice: PairKeys; bob: PairKeys }> {
  const [a, b] = [await member('Alice'), await member('Bob')];
  return { alice: present(await pairOf(a, b)), bob: present(await pairOf(b, a)) };
}

function text(content: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(content));
}

/** Incompressible, so that sizes are predictable. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(length));
}

function bytesOf(data: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64Url(data);
  if (bytes === null) throw new Error('not base64url');
  return bytes;
}

describe('a sealed signal', () => {
  it('opens at the peer, in both directions', async () => {
    const { alice, bob } = await aliceAndBob();
    for (const content of ['', 'offer', 'x'.repeat(64 * 1024)]) {
      expect(await bob.open(await alice.seal(text(content), ALICE, BOB), ALICE, BOB)).toEqual(text(content));
      expect(await alice.open(await bob.seal(text(content), BOB, ALICE), BOB, ALICE)).toEqual(text(content));
    }
  });

  it('follows the key schedule, computed with another library', async () => {
    const ecdh = createECDH('prime256v1');
    const publicKey = new Uint8Array(ecdh.generateKeys());
    const peer = await member('Peer');
    const x = Buffer.from(publicKey.subarray(1, 33)).toString('base64url');
    const y = Buffer.from(publicKey.subarray(33)).toString('base64url');
    const scalar = Buffer.concat([Buffer.alloc(32), ecdh.getPrivateKey()]).subarray(-32);
    const jwk = { kty: 'EC', crv: 'P-256', x, y, d: scalar.toString('base64url') };
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    const privateKey = await crypto.subtle.importKey('jwk', jwk, curve, false, ['deriveBits']);
    const identity = { publicKey, privateKey };
    const own = { identity, hello: helloBytesOf(identity, 'Own') };
    const pair = present(await pairOf(own, peer));

    const payload = Buffer.from(await pair.seal(text('offer'), ALICE, BOB), 'base64url');
    const first = Buffer.compare(own.hello, peer.hello) < 0;
    const hellos = first ? [own.hello, peer.hello] : [peer.hello, own.hello];
    const salt = createHash('sha256').update(Buffer.concat(hellos)).digest();
    const input = Buffer.concat([ecdh.computeSecret(peer.identity.publicKey), PSK]);
    const label = first ? 'signal A>B' : 'signal B>A';
    const key = Buffer.from(hkdfSync('sha256', input, salt, label, 32));
    const counter = payload.subarray(0, 8);
    expect(counter.readBigUInt64BE()).toBe(1n);
    const fields = ['signal', ROOM, ALICE, BOB, counter].map((field) => Buffer.from(field));
    const aad = fields.flatMap((field) => [Buffer.from([0, field.length]), field]);
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.concat([Buffer.alloc(4), counter]));
    decipher.setAAD(Buffer.concat(aad));
    decipher.setAuthTag(payload.subarray(-16));
    const padded = Buffer.concat([decipher.update(payload.subarray(8, -16)), decipher.final()]);
    expect(padded.length % 64).toBe(0);
    const deflated = padded.subarray(2, 2 + padded.readUInt16BE());
    expect(inflateRawSync(deflated).toString()).toBe('offer');
  });

  it('has one of a few sizes', async () => {
    const { alice } = await aliceAndBob();
    const sizes = new Set<number>();
    for (let length = 0; length < 3000; length += 37) {
      const size = bytesOf(await alice.seal(noise(length), ALICE, BOB)).length - 8 - 16;
      expect(size % (size <= 1024 ? 64 : 128)).toBe(0);
      sizes.add(size);
    }
    expect(sizes.size).toBeLessThanOrEqual(16 + 16);
  });

  it('rejects what the room would not carry, and goes on', async () => {
    const { alice, bob } = await aliceAndBob();
    const tooMuch = alice.seal(noise(12_000), ALICE, BOB);
    const tooLong = alice.seal(new Uint8Array(64 * 1024 + 1), ALICE, BOB);
    const next = alice.seal(text('next'), ALICE, BOB);
    await expect(tooMuch).rejects.toThrow(RangeError);
    await expect(tooLong).rejects.toThrow(RangeError);
    expect(await bob.open(await next, ALICE, BOB)).toEqual(text('next'));
  });

  it('keeps the order of the calls in counters and in resolution', async () => {
    const { alice, bob } = await aliceAndBob();
    const order: number[] = [];
    const contents = Array.from({ length: 30 }, (_, at) => (at % 3 === 0 ? noise(9000) : noise(at)));
    const sealed = await Promise.all(
      contents.map(async (content, at) => {
        const data = await alice.seal(content, ALICE, BOB);
        order.push(at);
        return data;
      }),
    );
    expect(order).toEqual(contents.map((_, at) => at));
    // Opened without waiting in between: taken in the order of the calls.
    const opened = await Promise.all(sealed.map((data) => bob.open(data, ALICE, BOB)));
    expect(opened).toEqual(contents);
  });

  it('opens once, and never after a later one', async () => {
    const { alice, bob } = await aliceAndBob();
    const [one, two, three] = [
      await alice.seal(text('1'), ALICE, BOB),
      await alice.seal(text('2'), ALICE, BOB),
      await alice.seal(text('3'), ALICE, BOB),
    ];
    expect(await bob.open(two, ALICE, BOB)).toEqual(text('2'));
    expect(await bob.open(two, ALICE, BOB)).toBeNull();
    expect(await bob.open(one, ALICE, BOB)).toBeNull();
    const twice = await Promise.all([bob.open(three, ALICE, BOB), bob.open(three, ALICE, BOB)]);
    expect(twice).toEqual([text('3'), null]);
  });

  it('does not open where it was made: reflection', async () => {
    const { alice, bob } = await aliceAndBob();
    const data = await alice.seal(text('offer'), ALICE, BOB);
    expect(await alice.open(data, ALICE, BOB)).toBeNull();
    expect(await alice.open(data, BOB, ALICE)).toBeNull();
    expect(await bob.open(data, ALICE, BOB)).toEqual(text('offer'));
  });

  it('does not open with any bit changed, or cut, and a forgery shuts nobody out', async () => {
    const { alice, bob } = await aliceAndBob();
    const data = await alice.seal(text('offer'), ALICE, BOB);
    const payload = bytesOf(data);
    for (let at = 0; at < payload.length; at++) {
      const changed = payload.slice();
      changed[at] = (changed[at] ?? 0) ^ (at < 8 ? 0x80 : 1);
      expect(await bob.open(encodeBase64Url(changed), ALICE, BOB)).toBeNull();
      expect(await bob.open(encodeBase64Url(payload.subarray(0, at)), ALICE, BOB)).toBeNull();
    }
    for (const junk of ['', '!', 'A'.repeat(20_000), 'AAAA'.repeat(40), '/////////////']) {
      expect(await bob.open(junk, ALICE, BOB)).toBeNull();
    }
    expect(await bob.open(data, ALICE, BOB)).toEqual(text('offer'));
  });

  it('does not open for other ids', async () => {
    const { alice, bob } = await aliceAndBob();
    const data = await alice.seal(text('offer'), ALICE, BOB);
    expect(await bob.open(data, BOB, BOB)).toBeNull();
    expect(await bob.open(data, ALICE, ALICE)).toBeNull();
    expect(await bob.open(data, `${ALICE}x`, BOB.slice(1))).toBeNull();
    expect(await bob.open(data, ALICE, BOB)).toEqual(text('offer'));
  });

  it('does not open for another password, room, hello or member', async () => {
    const [a, b, mallory] = [await member('Alice'), await member('Bob'), await member('Mallory')];
    const alice = present(await pairOf(a, b));
    const renamed = { identity: b.identity, hello: helloBytesOf(b.identity, 'Robert') };
    const listeners = [
      await pairOf(b, a, { psk: new Uint8Array(32).fill(8) }),
      await pairOf(b, a, { roomId: 'BAAAAAAAAAAAAAAAAAAAAA' }),
      await pairOf(renamed, a),
      await pairOf(mallory, a),
      // Bob's hello repeated by somebody without his private key.
      await pairOf({ identity: mallory.identity, hello: b.hello }, a),
    ];
    const data = await alice.seal(text('offer'), ALICE, BOB);
    for (const listener of listeners) expect(await present(listener).open(data, ALICE, BOB)).toBeNull();
    expect(await present(await pairOf(b, a)).open(data, ALICE, BOB)).toEqual(text('offer'));
  });

  it('survives mutation', async () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.info(`sealed signal fuzz: FUZZ_SEED=${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const { alice, bob } = await aliceAndBob();
    const data = await alice.seal(text('offer'), ALICE, BOB);
    for (let round = 0; round < 500; round++) {
      const at = random(data.length);
      const character = String.fromCharCode(random(3) === 0 ? random(0xffff) : 33 + random(90));
      const changed =
        data.slice(0, at) + character.repeat(random(3)) + data.slice(at + random(round % 2 === 0 ? 2 : 40));
      if (changed !== data) expect(await bob.open(changed, ALICE, BOB)).toBeNull();
    }
    expect(await bob.open(data, ALICE, BOB)).toEqual(text('offer'));
  });
});

describe('a pair', () => {
  it('is not made with this page itself, nor with a key that is no point', async () => {
    const [a, b] = [await member('Alice'), await member('Bob')];
    expect(await pairOf(a, a)).toBeNull();
    expect(await pairOf(a, { identity: a.identity, hello: b.hello })).toBeNull();
    expect(await pairOf(a, { identity: b.identity, hello: a.hello })).toBeNull();
    const broken = b.identity.publicKey.slice();
    broken[64] = (broken[64] ?? 0) ^ 1;
    for (const publicKey of [
      broken,
      new Uint8Array(65),
      new Uint8Array(0),
      b.identity.publicKey.slice(0, 64),
    ]) {
      expect(await pairOf(a, { identity: { ...b.identity, publicKey }, hello: b.hello })).toBeNull();
    }
  });

  it('derived again goes on counting: an IV is never used twice', async () => {
    const [a, b] = [await member('Alice'), await member('Bob')];
    const one = await present(await pairOf(a, b)).seal(text('same'), ALICE, BOB);
    const two = await present(await pairOf(a, b)).seal(text('same'), ALICE, BOB);
    expect(bytesOf(one).subarray(0, 8)).not.toEqual(bytesOf(two).subarray(0, 8));
    const bob = present(await pairOf(b, a));
    expect(await bob.open(one, ALICE, BOB)).toEqual(text('same'));
    expect(await present(await pairOf(b, a)).open(one, ALICE, BOB)).toBeNull();
  });
});

describe('inflation', () => {
  it('agrees with another library', async () => {
    const bytes = noise(5000);
    expect(new Uint8Array(inflateRawSync(await deflate(bytes)))).toEqual(bytes);
    expect(await inflate(new Uint8Array(deflateRawSync(bytes)), 5000)).toEqual(bytes);
  });

  it('stops at its cap, bomb or not', async () => {
    const bomb = new Uint8Array(deflateRawSync(Buffer.alloc(64 * 1024 * 1024)));
    expect(await inflate(bomb, 64 * 1024)).toBeNull();
    const edge = new Uint8Array(deflateRawSync(Buffer.alloc(1000)));
    expect(await inflate(edge, 1000)).toHaveLength(1000);
    expect(await inflate(edge, 999)).toBeNull();
  });

  it('is null for what is no whole stream', async () => {
    const whole = await deflate(noise(300));
    expect(await inflate(whole.slice(0, -1), 1000)).toBeNull();
    expect(await inflate(new Uint8Array(0), 1000)).toBeNull();
    expect(await inflate(new Uint8Array(40).fill(255), 1000)).toBeNull();
  });

  it('of a bomb sealed by the peer itself gives null, and the next signal opens', async () => {
    const { alice, bob } = await aliceAndBob();
    // Stands in for a hostile member, whose client seals whatever deflate stream it likes.
    const original = globalThis.CompressionStream;
    const bomb = new Uint8Array(deflateRawSync(Buffer.alloc(4 * 1024 * 1024)));
    class Smuggler {
      readonly readable: ReadableStream<Uint8Array>;
      readonly writable: WritableStream<Uint8Array>;
      constructor() {
        const passing = new TransformStream<Uint8Array, Uint8Array>({
          transform(_chunk, controller) {
            controller.enqueue(bomb);
          },
        });
        this.readable = passing.readable;
        this.writable = passing.writable;
      }
    }
    Object.defineProperty(globalThis, 'CompressionStream', { value: Smuggler, configurable: true });
    let data: string;
    try {
      data = await alice.seal(text('x'), ALICE, BOB);
    } finally {
      Object.defineProperty(globalThis, 'CompressionStream', { value: original, configurable: true });
    }
    expect(data.length).toBeGreaterThan(5000);
    expect(await bob.open(data, ALICE, BOB)).toBeNull();
    expect(await bob.open(await alice.seal(text('next'), ALICE, BOB), ALICE, BOB)).toEqual(text('next'));
  });
});
