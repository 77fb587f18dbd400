import { describe, expect, it } from 'vitest';
import { createIdentity, createNonce } from '../../app/crypto/identity.ts';
import { derivePair, type PairKeys } from '../../app/crypto/pair.ts';
import { encodeHello } from '../../app/wire/hello.ts';

const ROOM = 'AAAAAAAAAAAAAAAAAAAAAA';
const ALICE_CERTIFICATE = new Uint8Array(32).fill(1);
const BOB_CERTIFICATE = new Uint8Array(32).fill(2);
const OTHER_CERTIFICATE = new Uint8Array(32).fill(3);

async function member(fingerprint: Uint8Array<ArrayBuffer>) {
  const identity = await createIdentity();
  const { publicKey } = identity;
  const nonce = createNonce(0);
  const hello = encodeHello({ version: 1, publicKey, nonce, fingerprint, name: '', capabilities: 0 });
  return { identity, hello };
}

type Member = Awaited<ReturnType<typeof member>>;

async function pairOf(own: Member, peer: Member, psk = new Uint8Array(32)): Promise<PairKeys> {
  const pair = await derivePair({
    roomId: ROOM,
    psk,
    identity: own.identity,
    ownHelloBytes: own.hello,
    peerHelloBytes: peer.hello,
    peerPublicKey: peer.identity.publicKey,
  });
  if (pair === null) throw new Error('no pair');
  return pair;
}

async function setUp() {
  const [a, b] = [await member(ALICE_CERTIFICATE), await member(BOB_CERTIFICATE)];
  const [alice, bob] = [await pairOf(a, b), await pairOf(b, a)];
  const tag = await alice.confirmTag('polite', ALICE_CERTIFICATE, BOB_CERTIFICATE);
  return { a, b, alice, bob, tag };
}

describe('confirmation', () => {
  it('is accepted from the peer, both ways', async () => {
    const { alice, bob, tag } = await setUp();
    expect(tag).toHaveLength(32);
    expect(await bob.verifyConfirm(tag, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(true);
    const back = await bob.confirmTag('impolite', BOB_CERTIFICATE, ALICE_CERTIFICATE);
    expect(await alice.verifyConfirm(back, 'impolite', BOB_CERTIFICATE, ALICE_CERTIFICATE)).toBe(true);
  });

  it('is not accepted reflected: the sender expects the other role and the fingerprints the other way', async () => {
    const { alice, tag } = await setUp();
    expect(await alice.verifyConfirm(tag, 'impolite', BOB_CERTIFICATE, ALICE_CERTIFICATE)).toBe(false);
    expect(await alice.verifyConfirm(tag, 'polite', BOB_CERTIFICATE, ALICE_CERTIFICATE)).toBe(false);
    expect(await alice.verifyConfirm(tag, 'impolite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
  });

  it('is bound to the role and to both fingerprints', async () => {
    const { bob, tag } = await setUp();
    expect(await bob.verifyConfirm(tag, 'impolite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
    expect(await bob.verifyConfirm(tag, 'polite', OTHER_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
    expect(await bob.verifyConfirm(tag, 'polite', ALICE_CERTIFICATE, OTHER_CERTIFICATE)).toBe(false);
    expect(await bob.verifyConfirm(tag, 'polite', BOB_CERTIFICATE, ALICE_CERTIFICATE)).toBe(false);
  });

  it('is not accepted with any byte changed, cut or added', async () => {
    const { bob, tag } = await setUp();
    for (let at = 0; at < tag.length; at++) {
      const changed = tag.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await bob.verifyConfirm(changed, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
      const cut = tag.subarray(0, at);
      expect(await bob.verifyConfirm(cut, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
    }
    const longer = Uint8Array.from([...tag, 0]);
    expect(await bob.verifyConfirm(longer, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
  });

  it('is not accepted from another member, or under another password', async () => {
    const { a, b, bob, tag } = await setUp();
    const mallory = await member(ALICE_CERTIFICATE);
    const forged = await (await pairOf({ ...mallory, hello: a.hello }, b)).confirmTag(
      'polite',
      ALICE_CERTIFICATE,
      BOB_CERTIFICATE,
    );
    expect(await bob.verifyConfirm(forged, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
    const elsewhere = await pairOf(b, a, new Uint8Array(32).fill(1));
    expect(await elsewhere.verifyConfirm(tag, 'polite', ALICE_CERTIFICATE, BOB_CERTIFICATE)).toBe(false);
  });
});
