/** Pointing at a shared screen: the same spot for everybody, in pixels; and nothing of it while nobody points. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fakeScreen, type Person, SCREEN } from './harness.ts';
import { type MemberOptions, useStage } from './stage.ts';

const stage = useStage();

/** How far a spot may be off where it was meant to be, in CSS pixels of the picture that is looked at. */
const NEAR_PX = 4;

declare global {
  interface Window {
    parleyTestPointers?: RTCDataChannel[];
    /** The last frame that was sent over any of them. */
    parleyTestPointed?: Uint8Array;
    parleyTestMostPixels?: number;
    /** Ends the flood. */
    parleyTestEnough?: boolean;
  }
}

/** Runs in the page before its scripts: puts the pointer channels within a test's reach. */
function keepPointers(): void {
  const channels: RTCDataChannel[] = [];
  window.parleyTestPointers = channels;
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function (label, how) {
    const channel = createDataChannel.call(this, label, how);
    if (label !== 'pointer') return channel;
    channels.push(channel);
    const send = channel.send.bind(channel) as (data: Uint8Array<ArrayBuffer>) => void;
    channel.send = (data: unknown) => {
      if (data instanceof Uint8Array) window.parleyTestPointed = data.slice();
      send(data as Uint8Array<ArrayBuffer>);
    };
    return channel;
  };
}

const PREPARED = { init: [fakeScreen, keepPointers] };

/** They meet, with a screen to share and their pointer channels at hand. */
const meet = <const Names extends readonly string[]>(
  names: Names,
  options: MemberOptions & { url?: string },
) => stage.meet(names, { ...PREPARED, ...options });

const button = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true });
const screenOf = (sharer: string) => `${sharer}'s screen`;
const screenTile = (person: Person, label: string) =>
  person.page.getByRole('group', { name: label, exact: true });
const arrow = (person: Person, label: string, name: string) =>
  screenTile(person, label).locator('.pointer-arrow:not([hidden]) bdi', { hasText: name });

/** Waits until this screen follows the mouse and the keys of whoever has switched their pointer on. */
const followsPointer = (person: Person, label: string) =>
  screenTile(person, label).locator('.pointer-layer[data-active]').waitFor();

interface Picture {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where the whole picture of a shared screen lies in the page, beyond the tile's edges where it is zoomed. */
async function picture(page: Page, label: string | null): Promise<Picture> {
  const video =
    label === null
      ? page.locator('video')
      : page.getByRole('group', { name: label, exact: true }).locator('video');
  const box = await video.evaluate((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
  });
  const scale = Math.min(box.width / SCREEN.width, box.height / SCREEN.height);
  const [width, height] = [SCREEN.width * scale, SCREEN.height * scale];
  return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
}

interface Seen {
  /** The topmost pixel of the colour: the tip of an arrow. In CSS pixels of the page. */
  readonly tip: { readonly x: number; readonly y: number };
  readonly pixels: number;
}

/** Looks for `colour` in a picture taken of the page, within `clip`. */
async function look(page: Page, clip: Picture, colour: string): Promise<Seen | null> {
  const viewport = await page.evaluate(() => ({ width: innerWidth, height: innerHeight }));
  const x = Math.max(0, clip.x);
  const y = Math.max(0, clip.y);
  const area = {
    x,
    y,
    width: Math.min(viewport.width, clip.x + clip.width) - x,
    height: Math.min(viewport.height, clip.y + clip.height) - y,
  };
  const taken = (await page.screenshot({ clip: area, scale: 'css' })).toString('base64');
  return await page.evaluate(
    async ({ taken, colour, area }) => {
      const image = new Image();
      image.src = `data:image/png;base64,${taken}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext('2d');
      context?.drawImage(image, 0, 0);
      const { data } = context?.getImageData(0, 0, image.width, image.height) ?? { data: [] };
      const wanted = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
      let tip: { x: number; y: number } | null = null;
      let pixels = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (wanted.some((value, channel) => Math.abs(value - (data[at + channel] ?? 0)) > 24)) continue;
        pixels += 1;
        const index = at / 4;
        tip ??= { x: area.x + (index % image.width), y: area.y + Math.floor(index / image.width) };
      }
      return tip && { tip, pixels };
    },
    { taken, colour, area },
  );
}

/** Waits until a person sees the tip of this pointer where it was meant to be, in a picture taken of their page. */
async function seesAt(
  page: Page,
  label: string | null,
  name: string,
  at: { x: number; y: number },
): Promise<void> {
  const root = label === null ? page.locator('body') : page.getByRole('group', { name: label, exact: true });
  const found = root.locator('.pointer-arrow:not([hidden]) bdi', { hasText: name });
  await found.waitFor();
  const colour = await found.evaluate((element) => getComputedStyle(element).getPropertyValue('--pointer'));
  await expect
    .poll(async () => {
      const whole = await picture(page, label);
      const seen = await look(page, whole, colour);
      if (!seen) return Number.POSITIVE_INFINITY;
      const meant = { x: whole.x + at.x * whole.width, y: whole.y + at.y * whole.height };
      return Math.hypot(seen.tip.x - meant.x, seen.tip.y - meant.y);
    })
    .toBeLessThanOrEqual(NEAR_PX);
}

/** Moves the mouse to a place of the shared picture. */
async function moveTo(person: Person, label: string, at: { x: number; y: number }, steps = 1): Promise<void> {
  const { x, y, width, height } = await picture(person.page, label);
  await person.page.mouse.move(x + at.x * width, y + at.y * height, { steps });
}

/** From here on: the most pixels of lines that lay over the own screen of a person at one time. */
async function watchLines(person: Person): Promise<() => Promise<number>> {
  await screenTile(person, 'Your screen').evaluate((tile) => {
    let most = 0;
    const count = () => {
      const canvas = tile.querySelector('canvas');
      const { data } = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? {
        data: [],
      };
      let pixels = 0;
      for (let at = 3; at < data.length; at += 4) if ((data[at] ?? 0) > 200) pixels += 1;
      most = Math.max(most, pixels);
      window.parleyTestMostPixels = most;
    };
    // Whenever something is drawn or moved, not before it.
    new MutationObserver(() => requestAnimationFrame(count)).observe(tile, {
      subtree: true,
      attributes: true,
    });
  });
  return () => person.page.evaluate(() => window.parleyTestMostPixels ?? 0);
}

async function share(person: Person, viewers: readonly Person[]): Promise<void> {
  await button(person, 'Share screen').click();
  for (const viewer of viewers) await screenTile(viewer, screenOf(person.name)).locator('video').waitFor();
  // Its size is known with its first frame.
  for (const viewer of viewers)
    await viewer.page.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLVideoElement>('.screen-tile video')].every(
          (video) => video.videoWidth > 2,
        ),
      undefined,
    );
}

/** Messages sent over pointer channels so far, by the browser's own count. */
async function pointerMessages(person: Person): Promise<number> {
  return await person.page.evaluate(async () => {
    let sent = 0;
    for (const { pc } of window.parleyTestLinks ?? []) {
      if (pc.connectionState === 'closed') continue;
      (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
        if (entry.type === 'data-channel' && entry.label === 'pointer')
          sent += Number(entry.messagesSent ?? 0);
      });
    }
    return sent;
  });
}

it('four people see one arrow at the same spot, in windows of any size, zoomed, and coming later; and a line that goes', async () => {
  const options = { url: stage.invitation(), voiceOnly: true };
  const [alice, bob, carol] = await meet(['Alice', 'Bob', 'Carol'], options);
  await alice.page.setViewportSize({ width: 900, height: 1000 });
  await carol.page.setViewportSize({ width: 1500, height: 700 });
  await share(alice, [bob, carol]);
  await button(alice, 'Pin your screen').click();
  const label = screenOf('Alice');
  const spot = { x: 0.55, y: 0.4 };

  await screenTile(carol, label).focus();
  for (let press = 0; press < 3; press += 1) await carol.page.keyboard.press('+');
  await carol.page.keyboard.press('ArrowRight');
  await bob.page.keyboard.press('p');
  await followsPointer(bob, label);
  await moveTo(bob, label, { x: 0.2, y: 0.2 });
  await moveTo(bob, label, spot, 4);
  await seesAt(bob.page, label, 'You', spot);
  await seesAt(alice.page, 'Your screen', 'Bob', spot);
  await seesAt(carol.page, label, 'Bob', spot);

  const dave = await stage.open(options.url, 'Dave', { ...PREPARED, voiceOnly: true });
  await dave.page.setViewportSize({ width: 600, height: 900 });
  await dave.join();
  await seesAt(dave.page, label, 'Bob', spot);
  // Their tile takes room from the screen at which Bob points from here on.
  await bob.tile('Dave').waitFor();

  const drawn = await watchLines(alice);
  await bob.page.mouse.down();
  await moveTo(bob, label, { x: 0.9, y: 0.8 }, 10);
  await bob.page.mouse.up();
  await expect.poll(drawn).toBeGreaterThan(400);
  await screenTile(alice, 'Your screen').locator('canvas').waitFor({ state: 'detached' });
  await seesAt(alice.page, 'Your screen', 'Bob', { x: 0.9, y: 0.8 });

  await bob.page.keyboard.press('Escape');
  for (const person of [alice, carol, dave])
    await person.page.locator('.pointer-arrow').waitFor({ state: 'detached' });
});

it('through the relay alone: by arrow keys and by touch, beside what is switched off, and in a window above everything', async () => {
  const [alice, bob] = await meet(['Alice', 'Bob'], { relayOnly: true });
  await share(alice, [bob]);
  const label = screenOf('Alice');
  await screenTile(bob, label).focus();
  await bob.page.keyboard.press('p');
  await followsPointer(bob, label);
  for (let press = 0; press < 4; press += 1) await bob.page.keyboard.press('Shift+ArrowLeft');
  await bob.page.keyboard.press('ArrowDown');
  await seesAt(bob.page, label, 'You', { x: 0.3, y: 0.51 });

  const opening = alice.context.waitForEvent('page');
  await button(alice, 'Small window').click();
  const small = await opening;
  await small.waitForLoadState();
  await seesAt(small, null, 'Bob', { x: 0.3, y: 0.51 });

  const allow = alice.page.getByRole('switch', { name: 'Let others point' });
  const told = bob.page.getByRole('status', { name: 'Notices' }).getByText('switched pointers off');
  await Promise.all([told.waitFor(), allow.uncheck()]);
  await arrow(alice, 'Your screen', 'Bob').waitFor({ state: 'detached' });
  await small.locator('.pointer-arrow').waitFor({ state: 'detached' });
  await screenTile(bob, label).getByText('Alice has switched pointers off').waitFor();
  await arrow(bob, label, 'You').waitFor({ state: 'detached' });
  await bob.page.keyboard.press('ArrowDown');
  // An arrow is drawn with the next frame, were there one.
  await bob.page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
  expect(await arrow(bob, label, 'You').count()).toBe(0);
  await allow.check();
  await screenTile(bob, label).getByText('Alice has switched pointers off').waitFor({ state: 'detached' });

  // One finger, on a picture that is zoomed and would move under it otherwise.
  await button(bob, 'Zoom in').click();
  await button(bob, 'Zoom in').click();
  const still = await picture(bob.page, label);
  const at = (x: number, y: number) => ({ x: still.x + x * still.width, y: still.y + y * still.height });
  const devtools = await bob.context.newCDPSession(bob.page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: { x: number; y: number }[]) =>
    devtools.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  await touch('touchStart', [at(0.4, 0.4)]);
  await touch('touchMove', [at(0.5, 0.5)]);
  await touch('touchMove', [at(0.6, 0.5)]);
  await seesAt(bob.page, label, 'You', { x: 0.6, y: 0.5 });
  await arrow(alice, 'Your screen', 'Bob').waitFor();
  await touch('touchEnd', []);
  expect(await picture(bob.page, label)).toEqual(still);
  await arrow(alice, 'Your screen', 'Bob').waitFor({ state: 'detached' });

  await alice.page.getByRole('button', { name: 'Stop sharing' }).click();
  await expect.poll(() => small.isClosed()).toBe(true);
  await expect.poll(() => button(bob, 'Pointer').getAttribute('aria-pressed')).toBe('false');
  expect([alice.problems, bob.problems]).toEqual([[], []]);
});

it('sends nothing while nobody points, and never more than the display shows while somebody does', async () => {
  const [alice, bob] = await meet(['Alice', 'Bob'], { voiceOnly: true });
  await share(alice, [bob]);
  const label = screenOf('Alice');
  await moveTo(bob, label, { x: 0.5, y: 0.5 }, 5);
  await bob.page.waitForTimeout(1_000);
  expect([await pointerMessages(alice), await pointerMessages(bob)]).toEqual([0, 0]);

  await button(bob, 'Pointer').click();
  await followsPointer(bob, label);
  await moveTo(bob, label, { x: 0.5, y: 0.5 });
  await arrow(alice, 'Your screen', 'Bob').waitFor();
  const before = await pointerMessages(bob);
  const frames = await bob.page.evaluate(async () => {
    const layer = document.querySelector('.pointer-layer');
    const { left = 0, top = 0, width = 0, height = 0 } = layer?.getBoundingClientRect() ?? {};
    let frames = 0;
    let going = true;
    const count = () => {
      frames += 1;
      if (going) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    for (let turn = 0; turn < 50 || frames < 20; turn += 1) {
      for (let move = 0; move < 40; move += 1)
        layer?.dispatchEvent(
          new PointerEvent('pointermove', {
            bubbles: true,
            pointerType: 'mouse',
            clientX: left + width * (0.3 + move / 100),
            clientY: top + height * (0.3 + (turn % 50) / 150),
          }),
        );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    going = false;
    return frames;
  });
  const moved = (await pointerMessages(bob)) - before;
  expect(moved).toBeGreaterThan(5);
  expect(moved).toBeLessThanOrEqual(frames + 3);
  await bob.page.keyboard.press('Escape');
  const sentIn = async (ms: number) => {
    const before = await pointerMessages(bob);
    await bob.page.waitForTimeout(ms);
    return (await pointerMessages(bob)) - before;
  };
  // It is said twice that it is gone.
  await expect.poll(() => sentIn(600)).toBe(0);
  expect(await sentIn(2_500)).toBe(0);
  expect(await pointerMessages(alice)).toBe(0);
});

it('ten thousand pointers a second: memory and drawing stay bounded, the link is closed, and the others notice nothing', async () => {
  const [alice, mallory, carol] = await meet(['Alice', 'Mallory', 'Carol'], { voiceOnly: true });
  await share(alice, [mallory, carol]);
  await button(carol, 'Pointer').click();
  await followsPointer(carol, screenOf('Alice'));
  await moveTo(carol, screenOf('Alice'), { x: 0.4, y: 0.4 });
  await arrow(alice, 'Your screen', 'Carol').waitFor();
  await moveTo(mallory, screenOf('Alice'), { x: 0.5, y: 0.5 });
  await button(mallory, 'Pointer').click();
  await followsPointer(mallory, screenOf('Alice'));
  await moveTo(mallory, screenOf('Alice'), { x: 0.6, y: 0.5 });
  await arrow(alice, 'Your screen', 'Mallory').waitFor();

  const devtools = await alice.context.newCDPSession(alice.page);
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    const { usedSize } = await devtools.send('Runtime.getHeapUsage');
    return usedSize;
  };
  const before = await heap();
  const closedLinks = () =>
    alice.page.evaluate(
      () => (window.parleyTestLinks ?? []).filter(({ pc }) => pc.connectionState === 'closed').length,
    );
  const closedBefore = await closedLinks();
  // A frame as it should be, with new positions and lines without end.
  const sending = mallory.page.evaluate(async () => {
    const all = (window.parleyTestPointers ?? []).filter(({ readyState }) => readyState === 'open');
    const honest = window.parleyTestPointed;
    if (!honest) throw new Error('nothing was pointed at');
    const target = honest.subarray(4, 8);
    let sequence = ((honest[2] ?? 0) << 8) | (honest[3] ?? 0);
    const started = performance.now();
    let sent = 0;
    while (!window.parleyTestEnough) {
      // As many as are due by now, and a page that is slow pauses all the same.
      for (const due = Math.min(sent + 1_000, (performance.now() - started) * 10); sent < due; sent += 1) {
        sequence = (sequence + 1) & 0xffff;
        const bytes = Uint8Array.of(
          1,
          3,
          sequence >> 8,
          sequence & 255,
          ...target,
          sent & 255,
          0,
          sent & 127,
          0,
          sent >> 3,
        );
        for (const one of all) if (one.readyState === 'open') one.send(bytes);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  await expect.poll(closedLinks).toBeGreaterThan(closedBefore);
  expect(await alice.page.locator('.pointer-arrow').count()).toBeLessThanOrEqual(16);
  await mallory.page.evaluate(() => {
    window.parleyTestEnough = true;
  });
  await sending;
  expect((await heap()) - before).toBeLessThan(8 * 1024 * 1024);
  // Over the new link they may get.
  await mallory.page.keyboard.press('Escape');
  // Carol's pointer went on meanwhile.
  await moveTo(carol, screenOf('Alice'), { x: 0.25, y: 0.75 });
  await button(alice, 'Pin your screen').click();
  await seesAt(alice.page, 'Your screen', 'Carol', { x: 0.25, y: 0.75 });
  expect(alice.problems).toEqual([]);
});
