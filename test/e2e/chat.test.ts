/** Chat between real browsers: who gets what, when a link breaks, and what a hostile peer can do. */
import type { WebSocket } from 'playwright-core';
import { expect, it } from 'vitest';
import { encodeChat } from '../../app/wire/chat.ts';
import { type Person, waitForMedia } from './harness.ts';
import { type MemberOptions, useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestChat?: RTCDataChannel[];
  }
}

/** Runs in the page before its scripts: keeps the chat channels, which say nothing by themselves. */
function keepChannels(): void {
  const channels: RTCDataChannel[] = [];
  window.parleyTestChat = channels;
  const { prototype } = RTCPeerConnection;
  const native = prototype.createDataChannel;
  prototype.createDataChannel = function (label, how) {
    const channel = native.call(this, label, how);
    if (label === 'chat') channels.push(channel);
    return channel;
  };
}

/** They meet, with their chat channels at hand. */
const meet = <const Names extends readonly string[]>(
  names: Names,
  options: MemberOptions & { url?: string } = {},
) => stage.meet(names, { init: keepChannels, ...options });

const button = (person: Person, name: string) => person.page.getByRole('button', { name, exact: true });
const log = (person: Person) => person.page.getByRole('log', { name: 'Messages' });
const field = (person: Person) => person.page.getByRole('textbox', { name: 'Message' });

async function openChat(...people: Person[]): Promise<void> {
  for (const person of people) {
    await button(person, 'Chat').click();
    await log(person).waitFor();
  }
}

async function write(person: Person, text: string, to = 'Everyone'): Promise<void> {
  await person.page.getByRole('combobox', { name: 'To' }).selectOption({ label: to });
  await field(person).fill(text);
  await field(person).press('Enter');
}

/** Every message in the log, as it reads: who, to whom if private, and what. */
function messages(person: Person): Promise<string[]> {
  return log(person)
    .locator('.message')
    .evaluateAll((elements) =>
      elements.map((element) => {
        const part = (selector: string) => (element.querySelector(selector)?.textContent ?? '').trim();
        return `${part('.message-from').replace(/\s+/g, ' ')}: ${part('.message-text')}`;
      }),
    );
}

const soon = (person: Person, expected: readonly string[]) =>
  expect.poll(() => messages(person)).toEqual(expected);

it('two people: unread is counted and said, what is written is delivered, and the server sees none of it', async () => {
  const url = stage.invitation();
  const people: Person[] = [];
  const frames: string[] = [];
  const count = (socket: WebSocket) => {
    socket.on('framesent', ({ payload }) => frames.push(String(payload)));
    socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
  };
  for (const name of ['Alice', 'Bob']) {
    const person = await stage.open(url, name);
    person.page.on('websocket', count);
    await person.join();
    people.push(person);
  }
  const [alice, bob] = people as [Person, Person];
  await waitForMedia(people, 1);
  // The first exchange goes through the server; what it needed is over once nothing more of it comes.
  await expect
    .poll(async () => {
      const before = frames.length;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return frames.length - before;
    })
    .toBe(0);
  frames.length = 0;

  await openChat(alice);
  const told = bob.page.getByRole('status', { name: 'Notices' }).getByText('wrote: Are we recording?');
  await Promise.all([told.waitFor(), write(alice, 'Are we recording?')]);
  await expect.poll(() => button(bob, 'Chat').getAttribute('aria-description')).toBe('1 unread message');
  await log(alice).getByText('Delivered', { exact: true }).waitFor({ state: 'attached' });

  await bob.page.keyboard.press('c');
  await log(bob).waitFor();
  expect(await button(bob, 'Chat').getAttribute('aria-description')).toBeNull();
  await expect.poll(() => field(bob).evaluate((element) => element === document.activeElement)).toBe(true);
  // Typed, not obeyed; a line within a message, and what looks like a link is one.
  await bob.page.keyboard.type('mc? No.');
  await bob.page.keyboard.press('Shift+Enter');
  await bob.page.keyboard.type('See https://example.org/a?b=c.');
  await bob.page.keyboard.press('Enter');
  await soon(alice, ['You: Are we recording?', 'Bob: mc? No.\nSee https://example.org/a?b=c.']);
  const link = log(alice).getByRole('link', { name: 'https://example.org/a?b=c' });
  expect(
    await link.evaluate((a) => [a.getAttribute('href'), a.getAttribute('rel'), a.getAttribute('target')]),
  ).toEqual(['https://example.org/a?b=c', 'noopener noreferrer', '_blank']);

  await field(alice).evaluate((element) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(2_000)], 'notes.bin'));
    element.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  await bob.page.getByRole('article', { name: 'notes.bin' }).waitFor();
  const choosing = alice.page.waitForEvent('filechooser');
  await button(alice, 'Attach files').click();
  const chooser = await choosing;
  expect(chooser.isMultiple()).toBe(true);
  await chooser.setFiles([{ name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('plan') }]);
  await bob.page.getByRole('article', { name: 'plan.txt' }).waitFor();

  await bob.page.keyboard.press('Escape');
  await log(bob).waitFor({ state: 'detached' });
  expect(await button(bob, 'Chat').evaluate((element) => element === document.activeElement)).toBe(true);
  expect(frames.filter((frame) => frame !== 'ping' && frame !== 'pong')).toEqual([]);
  for (const person of people) expect(person.problems).toEqual([]);
});

it('four people, through the relay alone: everyone, one only, and somebody who came later', async () => {
  const url = stage.invitation();
  const options = { relayOnly: true, voiceOnly: true };
  const [alice, bob, carol] = await meet(['Alice', 'Bob', 'Carol'], { ...options, url });
  await openChat(alice, bob, carol);
  await write(alice, 'Hello, both');
  await log(alice).getByText('Delivered to all 2').waitFor({ state: 'attached' });
  const dave = await stage.join(url, 'Dave', options);
  await waitForMedia([alice, bob, carol, dave], 3);
  await openChat(dave);
  await log(dave).getByText('You see what is written from the moment you joined').waitFor();
  // Who writes to all knows of Dave.
  for (const person of [alice, bob])
    await log(person).getByText('joined, and sees messages from here on').waitFor();

  await write(alice, 'Between us', 'Carol only');
  await soon(carol, ['Alice: Hello, both', 'Alice to you only: Between us']);
  await write(bob, 'Now all four');
  await soon(alice, ['You: Hello, both', 'You to Carol only: Between us', 'Bob: Now all four']);
  await soon(bob, ['Alice: Hello, both', 'You: Now all four']);
  await soon(carol, ['Alice: Hello, both', 'Alice to you only: Between us', 'Bob: Now all four']);
  await soon(dave, ['Bob: Now all four']);
  await log(bob).getByText('Delivered to all 3').waitFor({ state: 'attached' });

  await alice.page.getByRole('combobox', { name: 'To' }).selectOption({ label: 'Carol only' });
  await carol.close();
  // Nothing meant for one goes to all because they left.
  await alice.page.getByText('has left').waitFor();
  await field(alice).fill('Are you there?');
  await button(alice, 'Send').click();
  expect(await field(alice).inputValue()).toBe('Are you there?');
  expect((await messages(bob)).some((line) => line.includes('Are you there?'))).toBe(false);
});

it('what is written while a link is broken and the server away arrives once, in order, when both are back', async () => {
  const [alice, bob] = await meet(['Alice', 'Bob'], { voiceOnly: true });
  await openChat(alice, bob);
  await write(alice, 'one');
  await soon(bob, ['Alice: one']);
  await stage.system.stopServer();
  await bob.page.evaluate(() => {
    for (const { pc } of window.parleyTestLinks ?? []) if (pc.connectionState === 'connected') pc.close();
  });
  await write(alice, 'two');
  await write(alice, 'three');
  await expect.poll(() => log(alice).getByText('Waiting to reach').count()).toBe(2);
  await write(bob, 'four');
  await stage.system.startServer();
  await waitForMedia([alice, bob], 1);
  await soon(bob, ['Alice: one', 'You: four', 'Alice: two', 'Alice: three']);
  await expect.poll(async () => (await messages(alice)).length).toBe(4);
  await expect.poll(() => log(alice).getByText('Delivered').count()).toBe(3);
  expect(await log(alice).getByText('Waiting to reach').count()).toBe(0);
});

it('a hostile peer writes nothing but text, and a flood ends its link and nobody else’s', async () => {
  const [alice, bob, mallory] = await meet(['Alice', 'Bob', 'Mallory'], { voiceOnly: true });
  await openChat(alice, bob);
  const send = (frames: readonly string[], times = 1) =>
    mallory.page.evaluate(
      ([hex, repeats]) => {
        for (const channel of window.parleyTestChat ?? []) {
          if (channel.readyState !== 'open') continue;
          for (let n = 0; n < repeats; n += 1)
            for (const frame of hex)
              channel.send(Uint8Array.from(frame.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));
        }
      },
      [frames, times] as const,
    );
  const hex = (text: string, id: number) => {
    // Past the encoder, which cleans: what an honest page cannot send.
    const head = encodeChat({
      kind: 'message',
      id: id.toString(16).padStart(16, '0'),
      isPrivate: false,
      writtenAtMs: 0,
      text: 'x',
    });
    return Buffer.concat([head.subarray(0, -1), Buffer.from(text)]).toString('hex');
  };
  const html = '<img src=x onerror="document.body.textContent=1"><b>bold</b>&lt;';
  await send([
    hex(html, 1),
    hex('user\u202Egpj.exe', 2),
    hex('javascript:alert(1) https://bank.example@evil.example/', 3),
    hex('a'.repeat(100 * 1024), 4),
    hex('\n'.repeat(16_000), 5),
    '0101',
    hex(`end ${'e\u0301'.repeat(5_000)}`, 6),
  ]);
  for (const person of [alice, bob]) {
    await expect.poll(async () => (await messages(person)).length).toBe(4);
    const [first, second, third, last] = await messages(person);
    expect([first, second]).toEqual([`Mallory: ${html}`, 'Mallory: usergpj.exe']);
    expect(third).toBe('Mallory: javascript:alert(1) https://bank.example@evil.example/');
    expect([...(last ?? '')].length).toBeLessThanOrEqual(4_000 + 'Mallory: '.length);
    expect(await log(person).locator('img, b, a, script').count()).toBe(0);
    expect(await person.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  }

  await send([hex('flood', 7), '0102ffffffffffffffff'], 200);
  for (const person of [alice, bob]) await person.tile('Mallory').waitFor({ state: 'detached' });
  await write(alice, 'Still here?');
  await expect.poll(async () => (await messages(bob)).at(-1)).toBe('Alice: Still here?');
  await waitForMedia([alice, bob], 1);
  for (const person of [alice, bob]) expect(person.problems).toEqual([]);
});

it('the log follows only whoever is at its end, counts what is too long, and keeps a draft', async () => {
  const [alice, bob] = await meet(['Alice', 'Bob'], { voiceOnly: true });
  await openChat(alice, bob);
  await write(alice, 'line\n'.repeat(200));
  await soon(bob, [`Alice: ${'line\n'.repeat(200).trim()}`]);
  const fromEnd = () => log(bob).evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
  await expect.poll(fromEnd).toBeLessThan(5);
  // It is known once the browser says that it scrolled.
  await log(bob).evaluate(async (element) => {
    const scrolled = new Promise((resolve) => element.addEventListener('scroll', resolve, { once: true }));
    element.scrollTo(0, 0);
    await scrolled;
  });
  await write(alice, 'more');
  await button(bob, 'New messages').waitFor();
  expect(await log(bob).evaluate((element) => element.scrollTop)).toBe(0);
  await button(bob, 'New messages').click();
  await expect.poll(fromEnd).toBeLessThan(5);
  await button(bob, 'New messages').waitFor({ state: 'detached' });

  await field(bob).fill('x'.repeat(3_900));
  await bob.page.getByText('100 left').waitFor();
  await field(bob).fill('x'.repeat(4_007));
  await bob.page.getByText('7 characters too long. Send it as a file.').waitFor();
  await field(bob).press('Enter');
  expect(await field(bob).inputValue()).toBe('x'.repeat(4_007));
  await field(bob).fill('not yet');
  await bob.page.keyboard.press('Escape');
  await openChat(bob);
  expect(await field(bob).inputValue()).toBe('not yet');
  expect((await messages(alice)).length).toBe(2);
});
