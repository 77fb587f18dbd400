import { expect, it } from 'vitest';
import { fakeScreen, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    /** Sends the proof that was kept back. */
    parleyTestProve?: () => void;
    /** How many senders were told to send nothing, and what lets them obey. */
    parleyTestSilenced?: number;
    parleyTestObey?: () => void;
  }
}

/** Runs in the page before its scripts: keeps back the proof of the pair's key (control frame, version 1, kind 1). */
function withholdProof(): void {
  const native = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: Uint8Array) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    const isProof = this.label === 'control' && data instanceof Uint8Array && data[0] === 1 && data[1] === 1;
    if (isProof) window.parleyTestProve = () => native.call(this, data);
    else native.call(this, data as Uint8Array);
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

it('who withholds the proof of their key gets no tile, and soon neither sees nor hears anybody', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  await alice.join();
  const mallory = await stage.open(url, 'Mallory', { init: withholdProof });
  await mallory.join();
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
  const heard = async () => (await mallory.links()).map(({ framesDecoded }) => framesDecoded);
  const before = await heard();
  await alice.page.waitForTimeout(1_500);
  expect(await heard()).toEqual(before);
  expect(await alice.tile('Mallory').count()).toBe(0);
  await alice.page.getByText('Connecting to Mallory').waitFor();
});

it('a proof that comes while senders are being silenced gets everything: voice, face and screen', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice', { init: [silenceSlowly, fakeScreen] });
  await alice.join();
  await alice.page.getByRole('button', { name: 'Share screen', exact: true }).click();
  await alice.page.getByRole('group', { name: 'Your screen', exact: true }).waitFor();
  const bob = await stage.open(url, 'Bob', { init: withholdProof });
  await bob.join();
  await expect.poll(() => alice.page.evaluate(() => window.parleyTestSilenced)).toBe(3);
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
