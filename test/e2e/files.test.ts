/** Files between real browsers. */
import { expect, it } from 'vitest';
import { dropFiles, press, save, says } from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();
const MB = 1_000_000;

async function meet(names: readonly string[], relayOnly = false): Promise<Person[]> {
  const url = stage.invitation();
  const people: Person[] = [];
  for (const name of names) {
    const person = await stage.open(url, name);
    await person.join({ relayOnly });
    people.push(person);
  }
  await waitForMedia(people, names.length - 1);
  return people;
}

it.each([
  ['directly', false],
  ['through the relay alone', true],
])('two people: a file arrives %s, verified, and is saved under its name', async (_how, relayOnly) => {
  const [alice, bob] = (await meet(['Alice', 'Bob'], relayOnly)) as [Person, Person];
  const [hash] = await dropFiles(alice, { name: 'tune.bin', sizeBytes: 5 * MB });
  await press(bob, 'tune.bin', 'Accept');
  await says(bob, 'tune.bin', '5.0 MB from Alice, complete and verified');
  await says(alice, 'tune.bin', 'Bob has all of it');
  expect(await save(bob, 'tune.bin')).toEqual({ name: 'tune.bin', sizeBytes: 5 * MB, hash });
  expect(alice.problems).toEqual([]);
  expect(bob.problems).toEqual([]);
});
