/**
 * Sections `signalling` and `idle`: what a call of two costs each person on the WebSocket until it is established, and
 * what it says there afterwards while nothing happens. The floor of the first is the JSON of bare descriptions and
 * candidates, unsealed and uncompressed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { median, type SectionResult } from './figures.ts';
import { awaitFrames, callBoxes, join, joinFloor, openFloor, openLobbies, SMALL, using } from './people.ts';
import { alternate } from './rounds.ts';
import { messageBytes, type SocketTraffic, watchSockets } from './socket-traffic.ts';

const ROUNDS = 3;
/** From the first frames until a round is over: what is still said about the beginning is said by then. */
const SETTLE_MS = 4_000;
const IDLE_MS = 60_000;
const TARGET_BYTES = 5_000;

interface Spent {
  readonly persons: readonly number[];
  readonly handshakes: readonly number[];
  /** Messages of the joiner, such as `> join 512`. */
  readonly listing: readonly string[];
}

async function callOfTwo(pages: readonly Page[]): Promise<SocketTraffic[]> {
  const traffic = await Promise.all(pages.map(watchSockets));
  await join(pages.slice(0, 1));
  await pages[0]?.getByRole('toolbar', { name: 'Call controls' }).waitFor();
  await join(pages.slice(1));
  await awaitFrames(pages, 1);
  await sleep(SETTLE_MS);
  return traffic;
}

function ours(browser: Browser, origin: string): Promise<Spent> {
  return using(openLobbies(browser, origin, 2, SMALL), async ({ pages }) => {
    const traffic = await callOfTwo(pages);
    return {
      persons: traffic.map(messageBytes),
      handshakes: traffic.map((person) => person.handshakeBytes()),
      listing: (traffic[1]?.frames ?? []).map(
        ({ direction, kind, bytes }) => `${direction === 'sent' ? '>' : '<'} ${kind || 'ping'} ${bytes}`,
      ),
    };
  });
}

function floor(browser: Browser, origin: string): Promise<Spent> {
  return using(openFloor(browser, origin, callBoxes(2), SMALL), async (group) => {
    await joinFloor(group, [{ page: 1, to: [0] }]);
    await awaitFrames(group.pages, 1);
    await sleep(SETTLE_MS);
    const persons = await Promise.all(
      group.pages.map((page) =>
        page.evaluate(() => {
          const spent = window.parleyFloor?.signalling;
          return spent ? spent.sentBytes + spent.receivedBytes : Number.NaN;
        }),
      ),
    );
    return { persons, handshakes: [], listing: [] };
  });
}

/** Bytes for each person of a call of two, sent and received together; the dearer person of each round counts. */
export async function measureSignalling(browser: Browser, origin: string): Promise<SectionResult> {
  const results = await alternate(
    'Signalling',
    ROUNDS,
    () => ours(browser, origin),
    () => floor(browser, origin),
  );
  const dearest = (rounds: readonly Spent[]) => rounds.map(({ persons }) => Math.max(...persons));
  const handshake = median(results.ours.flatMap(({ handshakes }) => handshakes));
  return {
    figures: [
      {
        name: 'signalling a person, 2 people',
        unit: 'bytes',
        ours: dearest(results.ours),
        floor: dearest(results.floor),
        target: { kind: 'value-at-most', bound: TARGET_BYTES },
      },
    ],
    notes: [
      ...results.notes,
      `Signalling: payloads of all messages, sent and received; the upgrade's headers are ${handshake} bytes more. ` +
        `The second person's messages, in bytes: ${results.ours[0]?.listing.join(', ') ?? ''}.`,
    ],
  };
}

/** Messages on either WebSocket of a call of two during a minute in which nothing happens. */
export async function measureIdle(browser: Browser, origin: string): Promise<SectionResult> {
  return await using(openLobbies(browser, origin, 2, SMALL), async ({ pages }) => {
    const traffic = await callOfTwo(pages);
    const before = traffic.map(({ frames }) => frames.length);
    await sleep(IDLE_MS);
    const during = traffic.flatMap(({ frames }, index) => frames.slice(before[index]));
    const pings = during.filter(({ isPing }) => isPing).length;
    const messages = during.filter(({ isPing }) => !isPing);
    return {
      figures: [
        {
          name: `messages in an idle call, ${IDLE_MS / 1000} s`,
          unit: '',
          ours: [messages.length],
          floor: null,
          target: { kind: 'value-at-most', bound: 0 },
        },
      ],
      notes: [
        `Idle: ${pings} pings and pongs, which the runtime answers without the room` +
          (messages.length === 0 ? '.' : `; messages: ${messages.map(({ kind }) => kind).join(', ')}.`),
      ],
    };
  });
}
