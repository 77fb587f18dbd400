import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestDisturbances?: RTCPeerConnectionState[];
  }
}

/** Runs in the page: notes whatever becomes of the links that are connected now. */
function noteDisturbances(): void {
  const states: RTCPeerConnectionState[] = [];
  window.parleyTestDisturbances = states;
  for (const { pc } of window.parleyTestLinks ?? [])
    if (pc.connectionState === 'connected')
      pc.addEventListener('connectionstatechange', () => states.push(pc.connectionState));
}

it('a running call needs no server: frames never stop, no link is renegotiated, and then a third joins', async () => {
  const url = stage.invitation();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url });
  const descriptions = (await alice.links())[0]?.descriptions;
  await alice.page.evaluate(noteDisturbances);

  await stage.system.stopServer();
  let last = (await alice.links())[0]?.framesDecoded ?? 0;
  for (let second = 0; second < 10; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = last;
    await expect
      .poll(async () => {
        last = (await alice.links())[0]?.framesDecoded ?? 0;
        return last;
      })
      .toBeGreaterThan(before);
  }
  expect(await alice.page.evaluate(() => window.parleyTestDisturbances)).toEqual([]);
  await stage.system.startServer();

  const carol = await stage.join(url, 'Carol');
  await waitForMedia([alice, bob, carol], 2);
  const [first] = await alice.links();
  expect(first?.descriptions).toBe(descriptions);
  expect(first?.connection).toBe('connected');
});
