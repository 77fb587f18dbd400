import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ credentialTtlSeconds: 10 });

it('a relayed call outlives the credential it began with', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice');
  await alice.join({ relayOnly: true });
  const bob = await stage.open(url, 'Bob');
  await bob.join({ relayOnly: true });
  await waitForMedia([alice, bob], 1);
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  await waitForMedia([alice, bob], 1);
  expect((await alice.links())[0]?.localType).toBe('relay');

  // Somebody who comes after the first credentials ended is given fresh ones, and so are those who meet them.
  const carol = await stage.open(url, 'Carol');
  await carol.join({ relayOnly: true });
  await waitForMedia([alice, bob, carol], 2);
});
