import { expect, it } from 'vitest';
import { type Person, rolesInPage, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

/**
 * Of each section of sound or picture that a person receives, the first one of the same stream, or -1; and when what came of
 * voice and camera is played, by the clock of who sent it.
 */
async function playout(person: Person): Promise<{ streams: number[]; times: number[] }> {
  return await person.page.evaluate(async () => {
    const [pc] = (window.parleyTestLinks ?? [])
      .map((link) => link.pc)
      .filter((one) => one.connectionState === 'connected');
    const sections =
      pc?.remoteDescription?.sdp.split('\r\nm=').filter((part) => /^(audio|video) /.test(part)) ?? [];
    const named = sections.map((section) => /^a=msid:(\S+)/m.exec(section)?.[1] ?? '-');
    const times: number[] = [];
    (await pc?.getStats())?.forEach((entry: Record<string, unknown>) => {
      if (entry.type === 'inbound-rtp' && ['0', '1'].includes(String(entry.mid)))
        times.push(Number(entry.estimatedPlayoutTimestamp ?? Number.NaN));
    });
    return { streams: named.map((id) => (id === '-' ? -1 : named.indexOf(id))), times };
  });
}

it('two people see and hear each other directly, voice and picture in step and a screen apart from them', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob']);
  for (const link of [...(await alice.links()), ...(await bob.links())]) {
    expect(link.localType).not.toBe('relay');
  }
  // Who joined later was the one who offered.
  expect(await alice.page.evaluate(rolesInPage)).toEqual(['answer']);
  expect(await bob.page.evaluate(rolesInPage)).toEqual(['offer']);
  for (const person of [alice, bob]) {
    expect((await playout(person)).streams).toEqual([0, 0, 2, 2]);
    // The browser has a time of playing only for streams that it keeps in step.
    await expect
      .poll(async () => (await playout(person)).times.map((time) => time > 0))
      .toEqual([true, true]);
  }
});

it('two people meet through the relay alone', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { relayOnly: true });
  for (const link of [...(await alice.links()), ...(await bob.links())]) {
    expect([link.localType, link.remoteType]).toEqual(['relay', 'relay']);
  }
  await alice.tile('Bob').getByRole('button', { name: 'Connection to Bob' }).click();
  const dialog = alice.page.getByRole('dialog', { name: 'Connection to Bob' });
  await dialog.getByText('through the relay, which carries ciphertext').waitFor();
  await dialog.getByText('kbit/s').first().waitFor();
});

it('four people decode all twelve directed links; late, leaving and reloading people leave no ghost', async () => {
  const url = stage.invitation();
  const people = await stage.meet(['Alice', 'Bob', 'Carol'], { url });
  const [alice, bob, carol] = people;
  const dave = await stage.join(url, 'Dave');
  await waitForMedia([...people, dave], 3);

  await dave.page.getByRole('button', { name: 'Leave' }).click();
  for (const person of people) await person.tile('Dave').waitFor({ state: 'detached' });
  await waitForMedia(people, 2);

  await carol.page.reload();
  await carol.join();
  await waitForMedia(people, 2);
  expect(await alice.tile('Carol').count()).toBe(1);
  expect(await bob.tile('Carol').count()).toBe(1);
});
