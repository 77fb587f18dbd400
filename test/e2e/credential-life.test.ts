import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ credentialTtlSeconds: 10 });

it('a relayed call outlives the credential it began with', async () => {
  const url = stage.invitation();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url, relayOnly: true });
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  await waitForMedia([alice, bob], 1);
  expect((await alice.links())[0]?.localType).toBe('relay');

  // Somebody who comes after the first credentials ended is given fresh ones, and so are those who meet them.
  const carol = await stage.join(url, 'Carol', { relayOnly: true });
  await waitForMedia([alice, bob, carol], 2);
});
