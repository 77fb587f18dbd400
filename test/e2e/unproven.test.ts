import { expect, it } from 'vitest';
import { fakeScreen, type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    /** Sends the proof that was kept back, and keeps back no more. */
    parleyTestProve?: () => void;
    /** How many senders were told to send nothing, and what lets them obey. */
    parleyTestSilenced?: number;
    parleyTestObey?: () => void;
  }
}

/** Runs in the page before its scripts: keeps back the proof of the pair's key (control frame, version 1, kind 1). */
function withholdProof(): void {
  const native = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: Uint8Array) => void;
  let withholding = true;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    const isProof = this.label === 'control' && data instanceof Uint8Array && data[0] === 1 && data[1] === 1;
    if (!isProof || !withholding) {
      native.call(this, data as Uint8Array);
      return;
    }
    window.parleyTestProve = () => {
      withholding = false;
      native.call(this, data);
    };
  };
}

/** Runs in the page before its scripts: a sender that is to send nothing takes its time, and what follows waits for it. */
function silenceSlowly(): void {
  const native = RTCRtpSender.prototype.replaceTrack;
  const orders = new WeakMap<RTCRtpSender, Promise<void>>();
  const obeying = new Promise<void>((settle) => {
    window.parleyTestObey = settle;
  });
  window.parleyTestSilenced = 0;
  RTCRtpSender.prototype.replaceTrack = function (this: RTCRtpSender, track) {
    if (!track) window.parleyTestSilenced = (window.parleyTestSilenced ?? 0) + 1;
    const before = orders.get(this) ?? Promise.resolve();
    const order = (track ? before : before.then(() => obeying)).then(() => native.call(this, track));
    orders.set(this, order);
    return order;
  };
}

const LOOK_MS = 1_500;

/** Packets of sound and picture that came over each link so far, in the order in which the links began. */
function packetsOf(person: Person): Promise<number[]> {
  return person.page.evaluate(() =>
    Promise.all(
      (window.parleyTestLinks ?? []).map(async ({ pc }) => {
        let packets = 0;
        (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
          if (entry.type === 'inbound-rtp') packets += Number(entry.packetsReceived);
        });
        return packets;
      }),
    ),
  );
}

it('who withholds the proof of their key gets no tile, and soon neither sees nor hears anybody', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice');
  const mallory = await stage.join(url, 'Mallory', { init: withholdProof });
  await mallory.tile('Alice').waitFor();

  const sent = () =>
    alice.page.evaluate(async () => {
      let tracks = 0;
      for (const { pc } of window.parleyTestLinks ?? []) {
        if (pc.connectionState === 'closed') continue;
        for (const sender of pc.getSenders()) if (sender.track) tracks += 1;
      }
      return tracks;
    });
  // Her senders have their tracks until the proof is late.
  await expect.poll(sent).toBe(0);
  // What was on its way still comes; and links that are made anew, as no proof came, bring nothing at all.
  await expect
    .poll(async () => {
      const before = await packetsOf(mallory);
      await alice.page.waitForTimeout(LOOK_MS);
      return (await packetsOf(mallory)).filter((packets, link) => packets > (before[link] ?? 0));
    })
    .toEqual([]);
  expect(await alice.tile('Mallory').count()).toBe(0);
  await alice.page.getByText('Connecting to Mallory').waitFor();
});

it('a proof that comes while senders are being silenced gets everything: voice, face and screen', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { init: [silenceSlowly, fakeScreen] });
  await alice.page.getByRole('button', { name: 'Share screen', exact: true }).click();
  await alice.page.getByRole('group', { name: 'Your screen', exact: true }).waitFor();
  const bob = await stage.join(url, 'Bob', { init: withholdProof });
  await expect.poll(() => alice.page.evaluate(() => window.parleyTestSilenced)).toBe(3);
  await bob.page.waitForFunction(() => window.parleyTestProve);
  await bob.page.evaluate(() => window.parleyTestProve?.());
  await alice.tile('Bob').waitFor();
  await alice.page.evaluate(() => window.parleyTestObey?.());

  const sent = () =>
    alice.page.evaluate(() =>
      (window.parleyTestLinks ?? [])
        .filter(({ pc }) => pc.connectionState === 'connected')
        .flatMap(({ pc }) => pc.getSenders().map(({ track }) => track?.kind)),
    );
  await expect.poll(sent).toEqual(['audio', 'video', 'video', undefined]);
  await waitForMedia([alice, bob], 1);
});
