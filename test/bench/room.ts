/**
 * Section `room`: messages a second and latency through a room, beside a Durable Object that only echoes, in the same
 * workerd. Two sockets each way: in the room each member's signals go to the other, on the floor each socket hears
 * itself, so that either way every frame is one frame in and one frame out.
 */
import { once } from 'node:events';
import { type RawData, WebSocket } from 'ws';
import {
  decodeServerMessage,
  encodeMessage,
  PROTOCOL_VERSION,
  ROOM_PATH,
  ROOM_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
} from '../../rooms/protocol/index.ts';
import { type Figure, formatNumber, median, type SectionResult } from './figures.ts';
import { cpuSeconds, ownChildren } from './process-tree.ts';
import { startRoomServer } from './room-server.ts';
import { alternate } from './rounds.ts';

const ROUNDS = 7;
const WARM_UP_MS = 1_000;
const THROUGHPUT_MS = 2_500;
/** Frames on their way at once from one socket: enough that nobody ever waits for work. */
const WINDOW = 64;
const LATENCY_FRAMES = 1_500;
/** About a sealed description. */
const DATA_CHARS = 1_500;

/** Frames sent into `from` come out of `to`. */
interface Path {
  readonly from: WebSocket;
  readonly to: WebSocket;
  readonly frame: string;
}

interface Sample {
  readonly messagesPerSecond: number;
  readonly latencyMs: number;
  /** Share of a core that the server used while messages flowed as fast as they could. */
  readonly serverCpu: number;
}

async function open(url: string, protocols: string[]): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, {
    origin: new URL(url).origin.replace('ws', 'http'),
    perMessageDeflate: false,
  });
  await once(socket, 'open');
  return socket;
}

function nextText(socket: WebSocket): Promise<string> {
  return new Promise((settle) => socket.once('message', (data: RawData) => settle(String(data))));
}

const randomText = (bytes: number) =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('base64url');

async function member(url: string, roomId: string): Promise<{ socket: WebSocket; peerId: string }> {
  const socket = await open(`${url}${ROOM_PATH}`, [SUBPROTOCOL, ROOM_SUBPROTOCOL_PREFIX + roomId]);
  const answer = nextText(socket);
  socket.send(encodeMessage({ kind: 'join', v: PROTOCOL_VERSION, hello: randomText(150) }));
  const decoded = decodeServerMessage(await answer);
  if (!decoded.ok || decoded.message.kind !== 'welcome') throw new Error('The room gave no welcome.');
  return { socket, peerId: decoded.message.peerId };
}

async function roomPaths(url: string): Promise<Path[]> {
  const roomId = randomText(16);
  const data = randomText((DATA_CHARS * 3) / 4);
  const a = await member(url, roomId);
  const announced = nextText(a.socket);
  const b = await member(url, roomId);
  await announced;
  const frame = (to: string) => encodeMessage({ kind: 'signal', to, data });
  return [
    { from: a.socket, to: b.socket, frame: frame(b.peerId) },
    { from: b.socket, to: a.socket, frame: frame(a.peerId) },
  ];
}

async function echoPaths(url: string): Promise<Path[]> {
  const name = randomText(16);
  const data = randomText((DATA_CHARS * 3) / 4);
  const frame = encodeMessage({ kind: 'signal', to: `${randomText(6)}.${randomText(12)}`, data });
  const sockets = await Promise.all([1, 2].map(() => open(`${url}/echo/${name}`, [])));
  return sockets.map((socket) => ({ from: socket, to: socket, frame }));
}

/** Keeps WINDOW frames on each path for `forMs`; resolves to frames a second that arrived. */
async function flood(paths: readonly Path[], forMs: number): Promise<number> {
  let arrived = 0;
  let sending = true;
  const beganMs = performance.now();
  const drained = paths.map(({ from, to, frame }) => {
    let underway = WINDOW;
    return new Promise<void>((settle) => {
      const hear = () => {
        if (sending) {
          arrived += 1;
          from.send(frame);
          return;
        }
        underway -= 1;
        if (underway > 0) return;
        to.off('message', hear);
        settle();
      };
      to.on('message', hear);
      for (let sent = 0; sent < WINDOW; sent += 1) from.send(frame);
    });
  });
  await new Promise((settle) => setTimeout(settle, forMs));
  sending = false;
  const seconds = (performance.now() - beganMs) / 1000;
  await Promise.all(drained);
  return arrived / seconds;
}

/** One frame at a time; resolves to the median time from sending to hearing, in milliseconds. */
async function pingPong({ from, to, frame }: Path): Promise<number> {
  const timesMs: number[] = [];
  for (let sent = 0; sent < LATENCY_FRAMES; sent += 1) {
    const beganMs = performance.now();
    const heard = new Promise<void>((settle) => to.once('message', () => settle()));
    from.send(frame);
    await heard;
    timesMs.push(performance.now() - beganMs);
  }
  return median(timesMs);
}

async function sample(opening: Promise<Path[]>, server: ReadonlySet<number>): Promise<Sample> {
  const paths = await opening;
  try {
    await flood(paths, WARM_UP_MS);
    const cpuBefore = cpuSeconds(server);
    const beganMs = performance.now();
    const messagesPerSecond = await flood(paths, THROUGHPUT_MS);
    const serverCpu = ((cpuSeconds(server) - cpuBefore) * 1000) / (performance.now() - beganMs);
    const [path] = paths;
    return { messagesPerSecond, serverCpu, latencyMs: path ? await pingPong(path) : Number.NaN };
  } finally {
    for (const { from } of paths) from.terminate();
  }
}

export async function measureRoom(): Promise<SectionResult> {
  const before = ownChildren();
  const server = await startRoomServer();
  try {
    const processes = new Set([...ownChildren()].filter((pid) => !before.has(pid)));
    const url = server.url.replace('http', 'ws');
    const results = await alternate(
      'Room',
      ROUNDS,
      () => sample(roomPaths(url), processes),
      () => sample(echoPaths(url), processes),
    );
    const figure = (
      name: string,
      unit: string,
      value: (sample: Sample) => number,
      target: Figure['target'],
    ): Figure => ({
      name,
      unit,
      ours: results.ours.map(value),
      floor: results.floor.map(value),
      target,
    });
    const cpu = (samples: readonly Sample[]) =>
      formatNumber(median(samples.map(({ serverCpu }) => serverCpu)));
    return {
      figures: [
        figure('through the room', 'messages/s', ({ messagesPerSecond }) => messagesPerSecond, {
          kind: 'ratio-at-least',
          bound: 0.8,
        }),
        figure('through the room, one at a time', 'ms', ({ latencyMs }) => latencyMs, null),
      ],
      notes: [
        ...results.notes,
        `Room: frames of ${DATA_CHARS} characters; workerd used ${cpu(results.ours)} of a core for the room and ` +
          `${cpu(results.floor)} for the echo while it was flooded.`,
      ],
    };
  } finally {
    await server.close();
  }
}
