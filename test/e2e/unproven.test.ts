import { expect, it } from 'vitest';
import { useStage } from './stage.ts';

const stage = useStage();

/** Runs in the page before its scripts: keeps back the proof of the pair's key (control frame, version 1, kind 1). */
function withholdProof(): void {
  const native = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: Uint8Array) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    const isProof = this.label === 'control' && data instanceof Uint8Array && data[0] === 1 && data[1] === 1;
    if (!isProof) native.call(this, data as Uint8Array);
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
  await expect.poll(sent, { timeout: 20_000 }).toBe(0);
  const heard = async () => (await mallory.links()).map(({ framesDecoded }) => framesDecoded);
  const before = await heard();
  await alice.page.waitForTimeout(1_500);
  expect(await heard()).toEqual(before);
  expect(await alice.tile('Mallory').count()).toBe(0);
  await alice.page.getByText('Connecting to Mallory').waitFor();
});
