/**
 * The relay under mutated packets, with a call beside it. Deterministic for a seed, but for what the network does. Packets
 * come from strangers, from a member with an allocation, signed by that member after they were mutated, and over TCP.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost, type TurnHost } from '../../turn-host/host.ts';
import {
  type Answer,
  Attr,
  type Attribute,
  decode,
  type Endpoint,
  encode,
  streamWire,
  TurnClient,
  Type,
  udpTransport,
  udpWire,
  uint32,
  xorAddress,
} from './client.ts';
import { heldBytes } from './held-bytes.ts';
import { relayConfig } from './relay-config.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly packets: number;
  /** Of the relay, besides what tests have. */
  readonly env?: Record<string, string>;
  readonly onProgress?: (sent: number) => void;
}

export interface FuzzReport {
  readonly sent: number;
  /** Of those, the ones that were well-formed requests and got as far as being judged. */
  readonly requests: number;
  /** Exceptions that reached the engine's last guard, and those that reached the process. */
  readonly unhandled: number;
  readonly uncaught: number;
  /** Packets of the call that were sent, and that arrived in time. */
  readonly callSent: number;
  readonly callReceived: number;
  /** Of heap and buffers, from after the first tenth to the end, each time after a collection. */
  readonly driftBytes: number;
  readonly allocationsLeft: number;
  readonly dataPath: string;
  readonly faults: readonly string[];
}

/** Packets between two looks at whether the relay keeps up and the call goes on: fewer than a socket buffer holds. */
const BATCH = 500;
const CHANNEL = 0x4000;
/** Packets between two renewals of the call: sent in much less than five minutes, however slow the machine. */
const RENEWAL = 50 * BATCH;
/** A client repeats a request that is not answered (RFC 8489 s6.2.1): the relay drops them while too many wait. */
const RETRANSMISSION_MS = 500;
/** A guard against hanging, not a measure. */
const PATIENCE_MS = 60_000;
const METHODS = [
  Type.binding,
  Type.allocate,
  Type.refresh,
  Type.createPermission,
  Type.channelBind,
  5,
  7,
  0xfff,
];

/** xorshift32: small, seeded, the same everywhere. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** From 0 to below `below`. */
  next(below: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % below;
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.next(values.length)];
    if (value === undefined) {
      throw new RangeError('nothing to choose from');
    }
    return value;
  }
}

export function readCorpus(): Buffer[] {
  const text = readFileSync(new URL('./corpus/packets.txt', import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'hex'));
}

/** One to four changes: of an octet, a length, a run, the end; now and then none. */
function mutate(dice: Dice, seeds: readonly Buffer[]): Buffer {
  let packet: Buffer = Buffer.from(dice.of(seeds));
  for (let changes = dice.next(5); changes > 0; changes -= 1) {
    const at = packet.length === 0 ? 0 : dice.next(packet.length);
    switch (dice.next(7)) {
      case 0:
        packet[at] = dice.next(256);
        break;
      case 1:
        packet[at] = (packet[at] ?? 0) ^ (1 << dice.next(8));
        break;
      case 2:
        packet = packet.subarray(0, at);
        break;
      case 3:
        packet = Buffer.concat([packet, Buffer.alloc(dice.next(64), dice.next(256))]);
        break;
      case 4: {
        const other = dice.of(seeds);
        packet = Buffer.concat([packet.subarray(0, at), other.subarray(dice.next(other.length + 1))]);
        break;
      }
      case 5:
        packet.fill(dice.of([0, 0xff, 0x7f, 0x80]), at, Math.min(packet.length, at + dice.next(8)));
        break;
      default:
        // What adds up goes further: the length of a STUN message is made right.
        if (packet.length >= 20) {
          packet = packet.subarray(0, packet.length & ~3);
          packet.writeUInt16BE(packet.length - 20, 2);
          packet.writeUInt32BE(0x2112a442, 4);
        }
    }
  }
  return packet;
}

function randomAttribute(dice: Dice, seeds: readonly Buffer[]): Attribute {
  const known = [...Object.values(Attr), 0x8022, 0x8028, 0x7f00, 0xffff];
  const value = mutate(dice, seeds).subarray(0, dice.next(40));
  return dice.next(3) === 0 ? [dice.next(0x10000), value] : [dice.of(known), value];
}

/** A request whose signature is right and whose content is anything. */
function signedRequest(dice: Dice, seeds: readonly Buffer[], member: TurnClient): Buffer {
  const attributes: Attribute[] = [];
  const likely: Attribute[] = [
    udpTransport,
    [Attr.lifetime, uint32(dice.next(4000))],
    [Attr.channelNumber, Buffer.from([dice.next(256), dice.next(256), 0, 0])],
    [Attr.peer, xorAddress({ ip: dice.of(['127.0.0.1', '10.0.0.1', '8.8.8.8']), port: dice.next(65_536) })],
  ];
  for (let count = dice.next(4); count > 0; count -= 1) {
    attributes.push(dice.next(2) === 0 ? dice.of(likely) : randomAttribute(dice, seeds));
  }
  return member.signed(dice.of(METHODS), attributes);
}

async function member(host: TurnHost, name: string): Promise<TurnClient> {
  const minted = await mintCredential('new secret', name, Math.floor(Date.now() / 1000) + 36_000);
  return new TurnClient(await udpWire(host.port), minted.username, minted.credential);
}

/** Null when no answer comes. */
async function ask(client: TurnClient, packet: Buffer): Promise<Answer | null> {
  const id = packet.subarray(8, 20);
  const isAnswer = (got: Buffer) => got.length >= 20 && got.subarray(8, 20).equals(id);
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    client.sendRaw(packet);
    const raw = await client.receive(isAnswer, RETRANSMISSION_MS);
    if (raw !== null) {
      return decode(raw);
    }
  }
  return null;
}

/** Two members who send each other numbered packets over channels. */
class Call {
  sent = 0;
  received = 0;
  readonly #ends: readonly [TurnClient, TurnClient];
  /** The relayed address of each. */
  readonly #at: readonly [Endpoint, Endpoint];

  constructor(ends: readonly [TurnClient, TurnClient], at: readonly [Endpoint, Endpoint]) {
    this.#ends = ends;
    this.#at = at;
  }

  static async start(host: TurnHost): Promise<Call> {
    const ends = [await member(host, 'call.one'), await member(host, 'call.two')] as const;
    const at = [await ends[0].allocate(), await ends[1].allocate()] as const;
    await ends[0].bindChannel(CHANNEL, at[1]);
    await ends[1].bindChannel(CHANNEL, at[0]);
    return new Call(ends, at);
  }

  /**
   * Renews what would run out: a permission lasts five minutes, a channel and an allocation ten, a nonce an hour. Resolves to
   * what went wrong.
   */
  async renew(): Promise<string[]> {
    const faults: string[] = [];
    const [one, two] = this.#ends;
    const [at1, at2] = this.#at;
    for (const [end, peer] of [
      [one, at2],
      [two, at1],
    ] as const) {
      const challenge = await ask(end, encode(Type.allocate, randomBytes(12), [udpTransport]));
      end.nonce = challenge?.attributes.get(Attr.nonce) ?? end.nonce;
      const channel: Attribute[] = [
        [Attr.channelNumber, uint32(CHANNEL * 0x10000)],
        [Attr.peer, xorAddress(peer)],
      ];
      for (const request of [end.signed(Type.refresh, []), end.signed(Type.channelBind, channel)]) {
        const answer = await ask(end, request);
        if (answer?.errorCode !== 0) {
          faults.push(`the call was not renewed: ${answer?.errorCode ?? 'no answer'}`);
        }
      }
      end.forget();
    }
    return faults;
  }

  /** Sends one packet each way, and waits for both. */
  async turn(): Promise<void> {
    const [one, two] = this.#ends;
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      this.sent += 1;
      const data = uint32(this.sent);
      from.sendOnChannel(CHANNEL, data);
      const got = await to.nextOnChannel(CHANNEL);
      this.received += got?.equals(data) === true ? 1 : 0;
    }
  }

  close(): void {
    for (const end of this.#ends) {
      end.close();
    }
  }
}

export async function fuzzRelay({ seed, packets, env = {}, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const dice = new Dice(seed);
  const faults: string[] = [];
  let uncaught = 0;
  const onUncaught = (error: unknown) => {
    uncaught += 1;
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  // What would not be answered is not even read, so everybody is answered.
  const limits = { TURN_MAX_UNAUTHENTICATED_PER_SECOND: '1000000' };
  const config = relayConfig({ TURN_PEER_POLICY: 'room', TURN_LOG: 'debug', ...limits, ...env });
  const host = await startTurnHost(config, {
    log: (line) => {
      if (line.startsWith('a packet was dropped') || line.startsWith('an allocation was not made')) {
        faults.push(line);
      }
    },
  });
  const call = await Call.start(host);
  const inside = await member(host, 'fuzz.one');
  await inside.allocate();
  const strangers = [inside, await member(host, 'fuzz.two'), await member(host, 'fuzz.three')];
  const seeds = [
    ...readCorpus(),
    inside.signed(Type.allocate, [udpTransport]),
    inside.signed(Type.refresh, []),
  ];
  let sent = 0;
  let baseBytes = 0;
  while (sent < packets) {
    for (let index = 0; index < BATCH && sent < packets; index += 1) {
      const packet = dice.next(8) === 0 ? signedRequest(dice, seeds, inside) : mutate(dice, seeds);
      dice.of(strangers).sendRaw(packet);
      sent += 1;
      if (index % 50 === 49) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await call.turn();
    for (const each of strangers) {
      each.forget();
    }
    if (sent % RENEWAL === 0) {
      faults.push(...(await call.renew()));
      await fuzzStream(dice, seeds, host.port);
      onProgress?.(sent);
    }
    if (baseBytes === 0 && sent >= packets / 10) {
      baseBytes = heldBytes();
    }
  }
  const driftBytes = heldBytes() - baseBytes;
  for (const each of strangers) {
    each.close();
  }
  call.close();
  const report = {
    sent,
    uncaught,
    unhandled: host.counted('unhandled'),
    requests: host.counted('requests'),
    callSent: call.sent,
    callReceived: call.received,
    driftBytes,
    dataPath: host.dataPath,
    faults: faults.slice(0, 10),
  };
  await host.close();
  process.off('uncaughtException', onUncaught);
  process.off('unhandledRejection', onUncaught);
  return { ...report, allocationsLeft: host.allocations };
}

/** A connection that says anything, in pieces of any size, until it is closed or has said enough. */
async function fuzzStream(dice: Dice, seeds: readonly Buffer[], port: number): Promise<void> {
  const { stream } = await streamWire(port);
  for (let count = 0; count < 20 && !stream.destroyed; count += 1) {
    const packet = mutate(dice, seeds);
    const at = dice.next(packet.length + 1);
    stream.write(packet.subarray(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    stream.write(packet.subarray(at));
  }
  stream.destroy();
}
