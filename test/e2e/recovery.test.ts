/**
 * Links that fall silent or negotiate over each other, as their peer connections take it: what mends them, that it is the
 * same connection while that is possible, and what people are told.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { CONNECT_MS, GRACE_MS, RESTART_MS, RETRY_FIRST_MS, RETRY_MAX_MS } from '../../app/call/recovery.ts';
import { NEVER_MS, type Person, setTimes, waitForMedia } from './harness.ts';
import { startRelayGate } from './relay-gate.ts';
import { useStage } from './stage.ts';

const gate = await startRelayGate();
const stage = useStage({ advertisedTurnPort: gate.port });

beforeAll(() => gate.leadTo(stage.system.turnPort ?? 0));
afterEach(() => gate.open());
afterAll(() => gate.close());

declare global {
  interface Window {
    /** How often ICE was restarted. */
    parleyTestRestarts?: number;
    /** What control channels are to send, while a list is here to keep it back in. */
    parleyTestKept?: { readonly isDescription: boolean; readonly deliver: () => void }[] | undefined;
  }
}

/** Runs in the page before its scripts. */
function countRestarts(): void {
  window.parleyTestRestarts = 0;
  const native = RTCPeerConnection.prototype.restartIce;
  RTCPeerConnection.prototype.restartIce = function (this: RTCPeerConnection) {
    window.parleyTestRestarts = (window.parleyTestRestarts ?? 0) + 1;
    native.call(this);
  };
}

/** Runs in the page before its scripts: what control channels are given is kept back for as long as there is a list for it. */
function keepControl(): void {
  const native = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: Uint8Array) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    const deliver = () => native.call(this, data as Uint8Array);
    if (this.label !== 'control' || !window.parleyTestKept) deliver();
    else
      window.parleyTestKept.push({
        // Version and kind (app/wire/control.ts) are its first octets.
        isDescription: data instanceof Uint8Array && data[1] === 2,
        deliver,
      });
  };
}

const RETRIES_MS = [RETRY_FIRST_MS, 2 * RETRY_FIRST_MS, 4 * RETRY_FIRST_MS, RETRY_MAX_MS];

const restartsOf = (person: Person) => person.page.evaluate(() => window.parleyTestRestarts ?? 0);
const restarts = async (people: readonly Person[]) =>
  (await Promise.all(people.map(restartsOf))).reduce((sum, one) => sum + one, 0);

/** For each peer connection that was ever described, how ICE names its ends in their present session: the own one first. */
const iceNames = (person: Person) =>
  person.page.evaluate(() =>
    (window.parleyTestLinks ?? [])
      .filter(({ pc }) => pc.remoteDescription)
      .map(({ pc }) =>
        [pc.currentLocalDescription, pc.currentRemoteDescription].map(
          (description) => /^a=ice-ufrag:(\S+)/m.exec(description?.sdp ?? '')?.[1] ?? '',
        ),
      ),
  );

/**
 * Waits until both are in one ICE session that is not the one of `before`, on the only peer connection they ever had and
 * with nothing left to negotiate; gives its names.
 */
async function waitForRestart([alice, bob]: readonly [Person, Person], before: string[]): Promise<string[]> {
  let names: string[] = [];
  await expect
    .poll(async () => {
      const [own = [], ...more] = await iceNames(alice);
      names = own;
      return {
        renewed: names.filter((name) => before.includes(name)).length === 0,
        sameForBob: JSON.stringify(await iceNames(bob)) === JSON.stringify([[...names].reverse()]),
        moreConnections: more.length,
        states: (await Promise.all([alice, bob].map(signalingStates))).flat(),
      };
    })
    .toEqual({ renewed: true, sameForBob: true, moreConnections: 0, states: ['stable', 'stable'] });
  return names;
}

const signalingStates = (person: Person) =>
  person.page.evaluate(() =>
    (window.parleyTestLinks ?? [])
      .filter(({ pc }) => pc.remoteDescription)
      .map(({ pc }) => pc.signalingState),
  );

const note = (person: Person, name: string, says: string) =>
  person.tile(name).locator('.tile-note', { hasText: says });

/** Shuts the gate until both say that they reconnect and one of them restarts ICE. */
async function silence(people: readonly [Person, Person]): Promise<void> {
  const [alice, bob] = people;
  const before = await restarts(people);
  gate.shut();
  await Promise.all([
    note(alice, 'Bob', 'Reconnecting').waitFor(),
    note(bob, 'Alice', 'Reconnecting').waitFor(),
  ]);
  await expect.poll(() => restarts(people)).toBeGreaterThan(before);
}

async function waitForCall(people: readonly [Person, Person]): Promise<void> {
  const [alice, bob] = people;
  await waitForMedia(people, 1);
  await note(alice, 'Bob', '').waitFor({ state: 'detached' });
  await note(bob, 'Alice', '').waitFor({ state: 'detached' });
}

it('a path that fell silent is mended by an ICE restart on the same connection, with the server and without', async () => {
  const people = await stage.meet(['Alice', 'Bob'], {
    relayOnly: true,
    voiceOnly: true,
    init: countRestarts,
  });
  const [alice, bob] = people;
  await setTimes(people, [
    // Chromium gives a silent transport up by itself 15 s after the last packet: the restart is to be through by then.
    [GRACE_MS, 100],
    [RESTART_MS, NEVER_MS],
  ]);
  const [first = []] = await iceNames(alice);

  // What was allocated is out of reach for good: only a new session leads around that, and only the room can introduce it.
  gate.abandon();
  await silence(people);
  gate.open();
  const second = await waitForRestart(people, first);
  await waitForCall(people);

  await stage.system.stopServer();
  try {
    for (const { page } of people)
      await page.getByText('The server is away. The call goes on; nobody new').waitFor();
    // Here it is the old path that comes back, and brings what the control channel kept.
    await silence(people);
    gate.open();
    await waitForRestart(people, [...first, ...second]);
    await waitForCall(people);
    for (const link of [...(await alice.links()), ...(await bob.links())])
      expect([link.localType, link.remoteType]).toEqual(['relay', 'relay']);
  } finally {
    await stage.system.startServer();
  }
});

it('where no path comes back both are told so, and Try again brings the call back once there is one', async () => {
  const people = await stage.meet(['Alice', 'Bob'], { relayOnly: true, voiceOnly: true });
  const [alice, bob] = people;
  const told = ({ page }: Person, name: string) =>
    page.getByText(
      `${name} cannot be reached: no path between your networks was found. Parley keeps trying.`,
    );
  await setTimes(people, [
    [RESTART_MS, 1_000],
    // No sooner than a link may be opened again.
    [CONNECT_MS, 4_000],
    // Whoever is told can press the button, and nothing else brings the call back.
    ...RETRIES_MS.map((ms) => [ms, NEVER_MS] as const),
  ]);
  gate.shut();
  await Promise.all([told(alice, 'Bob').waitFor(), told(bob, 'Alice').waitFor()]);
  await note(alice, 'Bob', 'Cannot be reached').waitFor();
  await note(bob, 'Alice', 'Cannot be reached').waitFor();

  await setTimes(people, [[CONNECT_MS, NEVER_MS]]);
  // The last attempt would go on for a while by itself.
  gate.abandon();
  gate.open();
  await alice.page.getByRole('button', { name: 'Try again', exact: true }).click();
  await waitForCall(people);
  expect([await told(alice, 'Bob').count(), await told(bob, 'Alice').count()]).toEqual([0, 0]);
});

/** Offers that cross, one time after the other. */
const COLLISIONS = 5;

it('offers that cross are settled every time: one session for both, frames flowing, on the same connection', async () => {
  const people = await stage.meet(['Alice', 'Bob'], { init: keepControl });
  const [alice] = people;
  let [names = []] = await iceNames(alice);
  for (let collision = 0; collision < COLLISIONS; collision += 1) {
    for (const { page } of people)
      await page.evaluate(() => {
        window.parleyTestKept = [];
        for (const { pc } of window.parleyTestLinks ?? [])
          if (pc.connectionState === 'connected') pc.restartIce();
      });
    // Both have made an offer, and neither has seen the other's.
    for (const person of people) {
      const hasDescribed = () =>
        person.page.evaluate(() => window.parleyTestKept?.some((one) => one.isDescription));
      await expect.poll(hasDescribed).toBe(true);
      expect(await signalingStates(person)).toEqual(['have-local-offer']);
    }
    for (const { page } of people)
      await page.evaluate(() => {
        const kept = window.parleyTestKept ?? [];
        window.parleyTestKept = undefined;
        for (const { deliver } of kept) deliver();
      });
    names = await waitForRestart(people, names);
    await waitForMedia(people, 1);
  }
});
