/** Every state a call can be in says so, in words, with a way on; and a call can be had by keyboard alone. */
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Page } from 'playwright-core';
import { encode } from 'uqr';
import { expect, it } from 'vitest';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false, capacity: 2 });

const tiles = (person: Person) => person.page.locator('.stage').getByRole('group').count();
const heading = (person: Person, name: string | RegExp) => person.page.getByRole('heading', { name });
const button = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true });

it('alone, one is given the link: as text, to copy, and as a QR code of exactly that link', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', {
    voiceOnly: true,
    // The clipboard belongs to whoever runs the tests.
    init: () => {
      navigator.clipboard.writeText = (text) => {
        document.documentElement.dataset.copied = text;
        return Promise.resolve();
      };
    },
  });
  await heading(alice, 'Nobody else is here yet').waitFor();

  await button(alice, 'Invite').click();
  const dialog = alice.page.getByRole('dialog', { name: 'Invite people' });
  expect(await dialog.getByRole('textbox', { name: 'Link to this call' }).inputValue()).toBe(url);
  const drawn = await dialog
    .getByRole('img', { name: 'QR code of the link' })
    .evaluate((svg) => [svg.getAttribute('viewBox'), svg.querySelector('path')?.getAttribute('d')]);
  const { data, size } = encode(url, { ecc: 'M', border: 4 });
  expect(drawn[0]).toBe(`0 0 ${size} ${size}`);
  const dark = new Set(
    [...(drawn[1] ?? '').matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x} ${y}`),
  );
  expect(data.map((row, y) => row.map((_, x) => dark.has(`${x} ${y}`)))).toEqual(data);

  await Promise.all([
    dialog.getByText('The link is on your clipboard.').waitFor(),
    dialog.getByRole('button', { name: 'Copy link' }).click(),
  ]);
  await alice.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(await button(alice, 'Invite').evaluate((element) => element === document.activeElement)).toBe(true);

  const copied = await alice.page.evaluate(() => document.documentElement.dataset.copied ?? '');
  const home = await alice.context.newPage();
  await home.goto(stage.system.url);
  await home.getByRole('textbox', { name: 'Invitation link' }).fill(copied);
  await home.getByRole('button', { name: 'Join with a link' }).click();
  await home.getByRole('button', { name: 'Join', exact: true }).waitFor();
  expect(home.url()).toBe(url);
});

it('where the clipboard is refused, the link is left selected', async () => {
  const alice = await stage.join(stage.invitation(), 'Alice', {
    voiceOnly: true,
    init: () => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'));
    },
  });
  await button(alice, 'Copy link').click();
  await alice.page.getByText('The link is selected: copy it by hand.').waitFor();
  const field = alice.page.getByRole('textbox', { name: 'Link to this call' });
  const selected = await field.evaluate((input) => {
    if (!(input instanceof HTMLInputElement)) return null;
    return input.value.slice(input.selectionStart ?? 0, input.selectionEnd ?? 0);
  });
  expect(selected).toBe(await field.inputValue());
});

it('another room password opens nothing: both are told, neither gets a tile, and the same one mends it', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true, password: 'swordfish' });
  const bob = await stage.join(url, 'Bob', { voiceOnly: true, password: 'sailfish' });
  for (const person of [alice, bob]) {
    await heading(person, 'Your key does not open this room').waitFor();
    await person.page.getByText('Somebody is here, but with another room password.').waitFor();
    expect(await tiles(person)).toBe(1);
    expect(await person.links()).toEqual([]);
  }
  await button(bob, 'Change the password').click();
  await bob.join({ password: 'swordfish' });
  await waitForMedia([alice, bob], 1);
});

it('who presses Join twice joins once', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  const bob = await stage.open(url, 'Bob', { voiceOnly: true });
  const box = await button(bob, 'Join').boundingBox();
  if (!box) throw new Error('no Join button');
  await bob.page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  await waitForMedia([alice, bob], 1);
  // A second call of his would have found the room full.
  expect(await heading(bob, 'This call is full').count()).toBe(0);
  expect(await bob.page.evaluate(() => document.body.inert)).toBe(false);
});

it('a full room says so and offers a way back; those inside notice nothing', async () => {
  const url = stage.invitation();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url, voiceOnly: true });
  const carol = await stage.open(url, 'Carol');
  await button(carol, 'Join').click();
  await heading(carol, 'This call is full').waitFor();
  expect(await liveTracks(carol.page)).toBe(0);
  await waitForMedia([alice, bob], 1);
  expect([await tiles(alice), await tiles(bob)]).toEqual([2, 2]);
  for (const person of [alice, bob]) expect(await person.page.getByText('Carol').count()).toBe(0);

  await button(bob, 'Leave').click();
  // Until the room has missed Bob it is full.
  await heading(alice, 'Nobody else is here yet').waitFor();
  await button(carol, 'Join again').click();
  await waitForMedia([alice, carol], 1);
  await button(carol, 'Leave').click();
  await button(carol, 'Home').click();
  await button(carol, 'Start a call').waitFor();
});

it('a page from an origin the server does not allow is told so', async () => {
  const stranger = await startStranger(stage.system.url);
  try {
    const alice = await stage.open(stage.invitation(stranger.url), 'Alice', { voiceOnly: true });
    await button(alice, 'Join').click();
    await heading(alice, 'The server refused this page').waitFor();
    await alice.page.getByText('It accepts calls only from addresses its operator allows.').waitFor();
    await button(alice, 'Home').waitFor();
  } finally {
    await stranger.close();
  }
});

it('a server that is away is told of while it is, before and during a call', async () => {
  const url = stage.invitation();
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { url, voiceOnly: true });
  const carol = await stage.open(stage.invitation(), 'Carol', { voiceOnly: true });
  await stage.system.stopServer();

  const away = (person: Person) => person.page.getByText('The server is away. The call goes on; nobody new');
  await away(alice).waitFor();
  await away(bob).waitFor();
  await carol.join();
  await heading(carol, 'The server cannot be reached').waitFor();
  await button(carol, 'Try again now').waitFor();
  await waitForMedia([alice, bob], 1);

  await stage.system.startServer();
  // It tries by itself too, and may have been quicker: then there is nothing to press any more.
  await button(carol, 'Try again now')
    .click({ timeout: 2_000 })
    .catch(() => undefined);
  await heading(carol, 'Nobody else is here yet').waitFor();
  for (const person of [alice, bob]) await away(person).waitFor({ state: 'detached' });
});

it('after Leave devices are off, the other side is alone, and Join again is a whole call', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob']);
  await button(alice, 'Leave').click();
  await heading(alice, 'You left the call').waitFor();
  expect(await liveTracks(alice.page)).toBe(0);
  expect(await alice.links()).toEqual([]);
  await heading(bob, 'Nobody else is here yet').waitFor();
  await button(alice, 'Join again').click();
  await waitForMedia([alice, bob], 1);
  expect([await tiles(alice), await tiles(bob)]).toEqual([2, 2]);
});

it('only a relay, and the server has none: that is said at once, to all it concerns, with a way out', async () => {
  const url = stage.invitation();
  const alice = await stage.open(url, 'Alice', { voiceOnly: true });
  const bob = await stage.open(url, 'Bob', { voiceOnly: true });
  await alice.join({ relayOnly: true });
  await alice.page.getByText('This server has no relay, so nobody can be reached').waitFor();
  await bob.join();
  await bob.page.getByText('Connecting to Alice').waitFor();
  await button(alice, 'More').click();
  const more = alice.page.getByRole('dialog', { name: 'More' });
  await more.getByText('This server has no relay').waitFor();
  await more.getByRole('button', { name: 'Join without “Relay only”' }).click();
  await waitForMedia([alice, bob], 1);
  expect(await alice.page.getByText('This server has no relay').count()).toBe(0);
  await button(alice, 'Leave').click();
  await heading(alice, 'You left the call').waitFor();
  await alice.page.evaluate(() => history.back());
  await alice.page.getByText('This server has no relay: with this on, nobody can be reached.').waitFor();
});

it('going back asks first, the focus on staying; the call runs meanwhile, and leaving is one press by keyboard', async () => {
  const bob = await stage.open(stage.system.url, 'Bob');
  await button(bob, 'Start a call').click();
  const url = bob.page.url();
  await bob.join();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  await waitForMedia([alice, bob], 1);
  const question = bob.page.getByRole('dialog', { name: 'Leave the call?' });
  const focused = () => bob.page.evaluate(() => document.activeElement?.textContent);
  for (const answer of ['Enter', 'Escape']) {
    await bob.page.evaluate(() => history.back());
    await question.waitFor();
    await expect.poll(focused).toBe('Stay');
    expect(bob.page.url()).toBe(url);
    // Asked again at once, it is not answered by the event that tells of the answer before.
    await question.evaluate((dialog: HTMLDialogElement) => {
      const told = new Promise((resolve) => dialog.addEventListener('close', () => setTimeout(resolve)));
      dialog.close();
      dialog.showModal();
      return told;
    });
    expect(await question.isVisible()).toBe(true);
    await button(bob, 'Stay').focus();
    await bob.page.keyboard.press(answer);
    await question.waitFor({ state: 'hidden' });
  }
  await waitForMedia([alice, bob], 1);

  await bob.page.evaluate(() => history.go(-2));
  await question.waitFor();
  await expect.poll(focused).toBe('Stay');
  await bob.page.keyboard.press('Tab');
  expect(await focused()).toBe('Leave');
  await bob.page.keyboard.press('Enter');
  await button(bob, 'Start a call').waitFor();
  expect(await liveTracks(bob.page)).toBe(0);
  await heading(alice, 'Nobody else is here yet').waitFor();
  await bob.page.evaluate(() => history.forward());
  await button(bob, 'Join').waitFor();
  expect(bob.page.url()).toBe(url);
});

it('a link that is not whole, or has its key in the wrong place, says what is wrong', async () => {
  const alice = await stage.open(stage.system.url, 'Alice');
  const field = alice.page.getByRole('textbox', { name: 'Invitation link' });
  for (const [input, says] of [
    ['', 'Paste the link you were sent.'],
    [stage.invitation().slice(0, -1), 'That is not a whole invitation link.'],
    [stage.invitation().replace('#', '?'), 'This link has its key before the # sign'],
    [
      stage.invitation('https://elsewhere.example'),
      'This link leads to another server: open it at elsewhere.example',
    ],
  ] as const) {
    await field.fill(input);
    await button(alice, 'Join with a link').click();
    await alice.page.getByRole('alert').getByText(says).waitFor();
  }
});

it('from home to a call and out of it by keyboard alone, with no foreign request and no error', async () => {
  const alice = await stage.open(stage.system.url, 'Alice');
  const { page } = alice;
  // Each screen gives the focus to its heading; a key that is pressed sooner goes elsewhere.
  const arrived = (title: string | RegExp) => heading(alice, title).and(page.locator(':focus')).waitFor();

  await arrived('Open a link and talk.');
  await tabTo(page, 'Start a call');
  await page.keyboard.press('Enter');
  await arrived('Ready to join?');
  await tabTo(page, 'Your name');
  await page.keyboard.type('Amvm');
  // Typed, not obeyed.
  expect(await page.getByRole('switch', { name: 'Microphone' }).isChecked()).toBe(true);
  await tabTo(page, 'Camera');
  await page.keyboard.press('Space');
  await tabTo(page, 'Join');
  await page.keyboard.press('Enter');
  await arrived(/^Call/);

  // Where the focus is after joining must not take the shortcuts.
  const pressed = (name: string) => button(alice, name).getAttribute('aria-pressed');
  await expect.poll(() => pressed('Microphone')).toBe('true');
  expect(await pressed('Camera')).toBe('false');
  await page.keyboard.press('v');
  await expect.poll(() => pressed('Camera')).toBe('true');
  await page.keyboard.press('m');
  await expect.poll(() => pressed('Microphone')).toBe('false');
  await page.keyboard.down('Space');
  await expect.poll(() => pressed('Microphone')).toBe('true');
  await page.keyboard.up('Space');
  await expect.poll(() => pressed('Microphone')).toBe('false');

  await page.getByRole('textbox', { name: 'Link to this call' }).waitFor();
  await tabTo(page, 'Link to this call');
  await page.keyboard.press('m');
  await page.keyboard.press('v');
  expect([await pressed('Microphone'), await pressed('Camera')]).toEqual(['false', 'true']);
  await tabTo(page, 'Microphone');
  await page.keyboard.press('Space');
  await expect.poll(() => pressed('Microphone')).toBe('true');
  await tabTo(page, 'People');
  await page.keyboard.press('Enter');
  await page.getByRole('complementary', { name: 'People' }).waitFor();
  await tabTo(page, 'More');
  await page.keyboard.press('Enter');
  const more = page.getByRole('dialog', { name: 'More' });
  await tabTo(page, 'Keyboard shortcuts');
  await page.keyboard.press('Space');
  await page.keyboard.press('Escape');
  await more.waitFor({ state: 'hidden' });
  await page.keyboard.press('m');
  expect(await pressed('Microphone')).toBe('true');
  await tabTo(page, 'Leave');
  await page.keyboard.press('Enter');
  await arrived('You left the call');
  await tabTo(page, 'Home');
  await page.keyboard.press('Enter');
  await button(alice, 'Start a call').waitFor();

  const own = new URL(stage.system.url).host;
  expect(alice.requests.filter((url) => new URL(url).host !== own)).toEqual([]);
  expect(alice.problems).toEqual([]);
});

it('every screen fits a window of 320 by 256, with targets of 44 pixels and no motion where none is wanted', async () => {
  // WCAG 2.2 s1.4.10: what 1280 by 1024 is at 400 %.
  const size = { width: 320, height: 256 };
  const visitor = await stage.open(stage.system.url, 'Visitor');
  const reader = await stage.open(`${stage.system.url}/about`, 'Reader');
  const alice = await stage.open(stage.invitation(), 'Alice');
  for (const { page } of [visitor, reader, alice]) {
    await page.setViewportSize(size);
    await page.emulateMedia({ reducedMotion: 'reduce' });
  }
  await button(visitor, 'Start a call').waitFor();
  expect(await visitor.page.evaluate(misfits)).toBe('');
  await heading(reader, 'How it works').waitFor();
  expect(await reader.page.evaluate(misfits)).toBe('');
  await button(alice, 'Join').waitFor();
  expect(await alice.page.evaluate(misfits)).toBe('');
  await alice.join();
  await button(alice, 'Copy link').waitFor();
  expect(await alice.page.evaluate(misfits)).toBe('');
  await button(alice, 'Copy link').scrollIntoViewIfNeeded();
  if (!(await button(alice, 'People').isVisible())) await button(alice, 'More').click();
  await button(alice, 'People').click();
  await alice.page.getByRole('complementary', { name: 'People' }).waitFor();
  expect(await alice.page.evaluate(misfits)).toBe('');
  await alice.page.keyboard.press('Escape');
  await button(alice, 'More').click();
  await alice.page.getByRole('dialog', { name: 'More' }).waitFor();
  expect(await alice.page.evaluate(misfits)).toBe('');
  await alice.page.keyboard.press('Escape');
  await button(alice, 'Leave').click();
  await heading(alice, 'You left the call').waitFor();
  expect(await alice.page.evaluate(misfits)).toBe('');
});

/** Runs in the page: what is too small to touch, hangs out at the side or moves. */
function misfits(): string {
  const found: string[] = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  for (const element of document.querySelectorAll('button, a, input, select, summary')) {
    const target = element.matches('[role=switch]') ? element.closest('label') : element;
    const { width, height, left, right } = (target ?? element).getBoundingClientRect();
    if (width === 0 || getComputedStyle(element).visibility === 'hidden') continue;
    const what = `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent}`.trim();
    if (width < 44 || height < 44) found.push(`${what} is ${width} by ${height}`);
    if (left < 0 || right > innerWidth) found.push(`${what} reaches from ${left} to ${right}`);
    if (Number.parseFloat(getComputedStyle(element).transitionDuration) > 0) found.push(`${what} moves`);
  }
  return found.join('\n');
}

/** Presses Tab until the control of this name has the focus, and sees to it that the focus shows. */
async function tabTo(page: Page, name: string): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return { name: '', shown: false };
      const label =
        element.getAttribute('aria-label') ??
        (element instanceof HTMLInputElement || element instanceof HTMLSelectElement
          ? (element.labels?.[0]?.querySelector('span')?.textContent ?? '')
          : (element.textContent ?? ''));
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { name: label.trim(), shown: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 };
    });
    seen.push(at.name);
    if (at.name !== '') expect(at.shown, `the focus shows on ${at.name}`).toBe(true);
    if (at.name === name) return;
  }
  throw new Error(`Tab never came to ${name}; it came to ${seen.join(', ')}`);
}

function liveTracks(page: Page): Promise<number> {
  return page.evaluate(() => {
    const links = window.parleyTestLinks ?? [];
    const sent = links.flatMap(({ pc }) => pc.getSenders().map(({ track }) => track));
    const shown = [...document.querySelectorAll('video')].flatMap(({ srcObject }) =>
      srcObject instanceof MediaStream ? srcObject.getTracks() : [],
    );
    return [...sent, ...shown].filter((track) => track?.readyState === 'live').length;
  });
}

/** Passes everything on from another origin: what a copy of the page elsewhere would do. */
async function startStranger(target: string): Promise<{ url: string; close(): Promise<void> }> {
  const { hostname, port, host } = new URL(target);
  const server = createServer((incoming, response) => {
    const headers = { ...incoming.headers, host };
    // A socket kept for the next request may be one that the server is just closing.
    const options = { host: hostname, port, path: incoming.url, headers, agent: false };
    const forwarded = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    incoming.pipe(forwarded);
  });
  server.on('upgrade', (incoming, socket) => {
    const upstream = connect(Number(port), hostname, () => {
      const headers = Object.entries({ ...incoming.headers, host });
      upstream.write(
        `GET ${incoming.url} HTTP/1.1\r\n${headers.map(([key, value]) => `${key}: ${value}\r\n`).join('')}\r\n`,
      );
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${own}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
