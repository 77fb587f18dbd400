import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

it('a running call needs no server: frames never stop, no link is renegotiated, and then a third joins', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  await alice.join();
  const bob = await stage.open(url, 'Bob');
  await bob.join();
  await waitForMedia([alice, bob], 1);
  const descriptions = (await alice.links())[0]?.descriptions;

  await stage.system.stopServer();
  let last = (await alice.links())[0]?.framesDecoded ?? 0;
  for (let second = 0; second < 10; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const link = (await alice.links())[0];
    expect(link?.framesDecoded).toBeGreaterThan(last);
    last = link?.framesDecoded ?? last;
  }
  await stage.system.startServer();

  const carol = await stage.open(url, 'Carol');
  await carol.join();
  await waitForMedia([alice, bob, carol], 2);
  const [first] = await alice.links();
  expect(first?.descriptions).toBe(descriptions);
  expect(first?.connection).toBe('connected');
});
