/** Joining and talking with whatever devices there are, and changing them in mid-call. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { absentCamera, launchBrowser, openPerson, type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

// The second of Chromium's fake cameras measures depth and gives no picture to send; the third does.
const stage = useStage({ turn: false }, ['--use-fake-device-for-media-stream=device-count=3']);
let reluctant: Browser;

beforeAll(async () => {
  // Asks for consent like any browser; there is nobody to give it.
  reluctant = await launchBrowser([], ['--use-fake-ui-for-media-stream']);
});

afterAll(async () => {
  await reluctant?.close();
});

const button = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true });
const says = (person: Person, text: string) => person.page.getByText(text).waitFor();
const pressed = (person: Person, name: string) => button(person, name).getAttribute('aria-pressed');

/** The device behind each live track that is sent, by the track's kind. */
function sent(person: Person): Promise<Record<string, string>> {
  return person.page.evaluate(() => {
    const found: Record<string, string> = {};
    for (const { pc } of window.parleyTestLinks ?? []) {
      if (pc.connectionState === 'closed') continue;
      for (const { track } of pc.getSenders()) {
        if (track?.readyState === 'live') found[track.kind] = track.getSettings().deviceId ?? '';
      }
    }
    return found;
  });
}

async function decodedByBob(bob: Person): Promise<{ video: boolean; audio: boolean }> {
  const [before] = await bob.links();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const [after] = await bob.links();
  return {
    video: (after?.framesDecoded ?? 0) > (before?.framesDecoded ?? 0),
    audio: (after?.audioSamples ?? 0) > (before?.audioSamples ?? 0),
  };
}

const absentMicrophone = () => {
  const devices = navigator.mediaDevices;
  const native = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (constraints) =>
    constraints?.audio
      ? Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))
      : native(constraints);
};

const busyDevices = () => {
  navigator.mediaDevices.getUserMedia = () =>
    Promise.reject(new DOMException('Could not start video source', 'NotReadableError'));
};

it('with no camera one is told so, joins, is heard, and sees the others', async () => {
  const url = stage.invitation();
  const bob = await stage.join(url, 'Bob');
  const alice = await stage.open(url, 'Alice', { init: absentCamera });
  await says(alice, 'No camera was found.');
  await alice.join();
  await bob.tile('Alice').waitFor();
  await expect.poll(async () => (await alice.links())[0]?.framesDecoded ?? 0).toBeGreaterThan(0);
  await expect.poll(() => decodedByBob(bob)).toEqual({ video: false, audio: true });
  await expect.poll(() => bob.tile('Alice').getAttribute('aria-label')).toBe('Alice');
  await bob.tile('Alice').locator('.initial').waitFor();
  expect(await pressed(alice, 'Camera')).toBe('false');

  await button(alice, 'Camera').click();
  await says(alice, 'No camera was found.');
  await button(alice, 'Go on without it: camera').click();
  await alice.page.getByText('No camera was found.').waitFor({ state: 'detached' });
});

it('with no microphone one is told so, joins, and is seen as muted', async () => {
  const url = stage.invitation();
  const bob = await stage.join(url, 'Bob');
  const alice = await stage.open(url, 'Alice', { init: absentMicrophone });
  await says(alice, 'No microphone was found.');
  await alice.join();
  await alice.page.getByRole('group', { name: 'You, muted', exact: true }).waitFor();
  await bob.page.getByRole('group', { name: 'Alice, muted', exact: true }).waitFor();
  await expect.poll(async () => (await decodedByBob(bob)).video).toBe(true);
});

it('where the browser refuses both, one is told what to do, joins, and sees and hears the others', async () => {
  const url = stage.invitation();
  const bob = await stage.join(url, 'Bob');
  const alice = await openPerson(reluctant, url, 'Alice', { permissions: [] });
  try {
    for (const kind of ['camera', 'microphone']) {
      await says(alice, `Your browser does not let this page use the ${kind}.`);
      await button(alice, `Try the ${kind} again`).waitFor();
    }
    await alice.join();
    await bob.page.getByRole('group', { name: 'Alice, muted', exact: true }).waitFor();
    await bob.tile('Alice').locator('.initial').waitFor();
    await expect.poll(async () => (await alice.links())[0]?.framesDecoded ?? 0).toBeGreaterThan(0);
    await expect.poll(async () => (await alice.links())[0]?.audioSamples ?? 0).toBeGreaterThan(0);
    expect(await sent(alice)).toEqual({});

    await button(alice, 'Microphone').click();
    await says(alice, 'Your browser does not let this page use the microphone.');
    await alice.context.grantPermissions(['microphone']);
    await button(alice, 'Try again: microphone').click();
    await bob.page.getByRole('group', { name: 'Alice', exact: true }).waitFor();
    await expect.poll(async () => Object.keys(await sent(alice))).toEqual(['audio']);
  } finally {
    await alice.close();
  }
});

it('devices that another program holds are told of, and one joins all the same', async () => {
  const alice = await stage.open(stage.invitation(), 'Alice', { init: busyDevices });
  await says(alice, 'Another program is using your camera.');
  await says(alice, 'Another program is using your microphone.');
  await alice.join();
  await alice.page.getByRole('heading', { name: 'Nobody else is here yet' }).waitFor();
  expect(await pressed(alice, 'Microphone')).toBe('false');
});

it('microphone and camera toggles change what the others see and hear, without negotiating', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob']);
  const descriptions = (await alice.links())[0]?.descriptions;
  const initial = bob.tile('Alice').locator('.initial');

  await button(alice, 'Microphone').click();
  await bob.page.getByRole('group', { name: 'Alice, muted', exact: true }).waitFor();
  await alice.page.getByRole('group', { name: 'You, muted', exact: true }).waitFor();
  await button(alice, 'Camera').click();
  await initial.waitFor();
  await expect.poll(() => sent(alice)).not.toHaveProperty('video');

  await button(alice, 'Microphone').click();
  await bob.page.getByRole('group', { name: 'Alice', exact: true }).waitFor();
  await button(alice, 'Camera').click();
  await initial.waitFor({ state: 'detached' });
  await waitForMedia([alice, bob], 1);
  expect((await alice.links())[0]?.descriptions).toBe(descriptions);
});

it('devices are switched in mid-call without negotiating, and remembered by this browser', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob']);
  const descriptions = (await alice.links())[0]?.descriptions;
  const first = await sent(alice);

  await button(alice, 'More').click();
  for (const [name, kind] of [
    ['Camera device', 'video'],
    ['Microphone device', 'audio'],
  ] as const) {
    const choice = alice.page.getByRole('combobox', { name });
    const ids = await choice
      .locator('option')
      .evaluateAll((options) =>
        options.map((option) => (option instanceof HTMLOptionElement ? option.value : '')),
      );
    const other = ids.findLast((id) => id !== '' && id !== first[kind]);
    expect(other, `a second ${kind} device to choose`).toBeTruthy();
    await choice.selectOption(other ?? '');
    await expect.poll(async () => (await sent(alice))[kind]).toBe(other);
    expect(await choice.inputValue()).toBe(other);
  }
  await alice.page.keyboard.press('Escape');
  await waitForMedia([alice, bob], 1);
  expect((await alice.links())[0]?.descriptions).toBe(descriptions);

  const chosen = await sent(alice);
  await alice.page.reload();
  await alice.join();
  await waitForMedia([alice, bob], 1);
  expect(await sent(alice)).toEqual(chosen);
});
