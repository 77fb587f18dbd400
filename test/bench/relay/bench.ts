/**
 * Owns `npm run bench:relay`: our relay with either data path beside coturn, by turns under the same load, and a table of
 * medians and ratios. Says what was measured and judges nothing by itself: the exit code is 0 when everything could be
 * measured, whether or not targets are reached. docs/bench.md explains the figures.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureCoturn } from '../../fixtures/coturn.ts';
import { type Figure, formatFigures, formatNumber, median, type Target } from '../figures.ts';
import { Generator, type Report } from './generator.ts';
import { SERVERS, type Server, type ServerName, startServer } from './servers.ts';

const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
const ROUNDS = 5;
const LATENCY_ROUNDS = 11;
const CLIENTS = 10;
const PAYLOAD_BYTES = 1100;
/** Packets to one destination in a row: a video frame's. */
const BURST = 8;
const COMMON_RATE = 25_000;
const RUN_TENTHS = 10;
const PROBE_TENTHS = 4;
/** A rate is carried when less is lost, in parts of one. */
const LOSS = 0.001;
/** A generator that is further behind cannot tell. */
const BEHIND = 0.01;
const FIRST_PROBE = 40_000;
const MAX_PROBE = 640_000;
const BISECTIONS = 4;
const HELD = 10_000;
const MAX_KB_PER_ALLOCATION = 23;
/** How often so many are made and released, and how much of memory may be left of that once it was quiet. */
const HELD_ROUNDS = 4;
const MAX_MB_LEFT = 10;
/** V8 gives memory back by itself, in a few steps that it takes when little happens. */
const QUIET_MS = 240_000;
const LOOK_MS = 2000;
const KB_PER_MB = 1024;

interface Case {
  readonly name: string;
  /** As in turn-load.c. */
  readonly mode: string;
  /** Ratios to coturn to be reached. */
  readonly batched: number;
  readonly portable: number;
}

const PLAIN = { batched: 1.1, portable: 0.6 };
const MEMBERS = { batched: 1.8, portable: 1 };
const CASES: readonly Case[] = [
  { name: 'ChannelData to a peer', mode: 'channel', ...PLAIN },
  { name: 'Send to a peer', mode: 'send', ...PLAIN },
  { name: 'a peer to ChannelData', mode: 'to-channel', ...PLAIN },
  { name: 'a peer to Data', mode: 'to-data', ...PLAIN },
  { name: 'member to member, channels', mode: 'hop-channel', ...MEMBERS },
  { name: 'member to member, indications', mode: 'hop-indication', ...MEMBERS },
];
const SECTIONS = ['load', 'latency', 'rate', 'single', 'memory'] as const;
type Section = (typeof SECTIONS)[number];

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

/** Whom a load goes through. */
type Place = Pick<Server, 'port' | 'pid'>;
const NO_RELAY: Place = { port: 0, pid: 0 };
type Servers = ReadonlyMap<ServerName, Server>;

class Bench {
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];
  readonly #generator: Generator;
  readonly #servers: Servers;

  constructor(generator: Generator, servers: Servers) {
    this.#generator = generator;
    this.#servers = servers;
  }

  /** Packets for each CPU second at three rates. */
  async load({ name, mode, ...bounds }: Case): Promise<void> {
    await this.#inTurns((server) => this.#run(server, mode, COMMON_RATE, RUN_TENTHS), 1);
    const full = (await this.#highest(this.#server('coturn'), mode)).packetsPerSecond;
    const half = Math.round(full / 2);
    for (const [rate, what] of [
      [COMMON_RATE, 'common'],
      [half, 'half load'],
      [full, 'full load'],
    ] as const) {
      const reports = await this.#inTurns((server) => this.#run(server, mode, rate, RUN_TENTHS), ROUNDS);
      const at = `${name}, ${what} (${rate}/s)`;
      // At its highest rate coturn loses packets now and then: what it relays is counted, and nothing judged.
      this.#compare(`${at}: packets`, 'per CPU second', reports, perCpuSecond, (server) =>
        rate === full ? null : { kind: 'ratio-at-least', bound: bounds[server] },
      );
      this.#noteLosses(at, reports);
    }
  }

  /** Latency at half of what coturn carries. Relays go before all else on their core: what else the machine does is not theirs. */
  async latency({ name, mode }: Case): Promise<void> {
    const rate = Math.round((await this.#highest(this.#server('coturn'), mode)).packetsPerSecond / 2);
    const direct: Report[] = [];
    for (let round = 0; round < LATENCY_ROUNDS; round += 1)
      direct.push(await this.#run(NO_RELAY, 'direct', rate, RUN_TENTHS));
    let areFirst = true;
    const reports = await this.#inTurns(async (server) => {
      areFirst = server.setFirst(true) && areFirst;
      const report = await this.#run(server, mode, rate, RUN_TENTHS);
      server.setFirst(false);
      areFirst &&= report.sendsFirst;
      return report;
    }, LATENCY_ROUNDS);
    const at = `${name}, half load (${rate}/s)`;
    for (const [quantile, of, bound] of [
      ['p50', ({ p50Us }: Report) => p50Us, null],
      ['p99', ({ p99Us }: Report) => p99Us, 1],
    ] as const) {
      const floor = median(direct.map(of));
      this.#compare(
        `${at}: added latency ${quantile}`,
        'us',
        reports,
        (report) => of(report) - floor,
        () => (bound === null ? null : { kind: 'ratio-at-most', bound }),
      );
    }
    // Who cannot carry the rate has long queues, and a tail that tells nothing but that.
    this.#noteLosses(at, reports);
    if (!areFirst)
      this.notes.push(
        `${at}: latency is partly that of waiting for a core, as nobody may go first here: run as root.`,
      );
  }

  /** The load without any run of packets to one destination: nothing to send together. */
  async single({ name, mode }: Case): Promise<void> {
    const run = (server: Server) => this.#run(server, mode, COMMON_RATE, RUN_TENTHS, 1);
    await this.#inTurns(run, 1);
    const reports = await this.#inTurns(run, ROUNDS);
    this.#compare(
      `${name}, ${COMMON_RATE}/s, one by one: packets`,
      'per CPU second',
      reports,
      perCpuSecond,
      () => null,
    );
  }

  async rate({ name, mode }: Case): Promise<void> {
    const results = await this.#inTurns((server) => this.#highest(server, mode), ROUNDS);
    this.#compare(
      `${name}: highest rate`,
      '/s',
      results,
      ({ packetsPerSecond }) => packetsPerSecond,
      () => null,
    );
    for (const [server, list] of results) {
      const limited = list.filter(({ isGenerators }) => isGenerators).length;
      if (limited > 0) {
        this.notes.push(
          `${name}: in ${limited} of ${list.length} rounds ${server} carried all the generator could send.`,
        );
      }
    }
  }

  /** Resident memory of an allocation with a channel, and what is left after all are released, time and again. */
  async memory(): Promise<void> {
    const perAllocation = new Map<ServerName, number[]>();
    const leftMb = new Map<ServerName, number[]>();
    const quiet: Promise<void>[] = [];
    for (const [name, server] of this.#servers) {
      const hold = (clients: number) =>
        this.#generator.hold({ port: server.port, pid: server.pid, clients, payloadBytes: 100 });
      await (await hold(100)).release();
      const before = { kb: server.residentKb(), descriptors: server.descriptors() };
      const aboveMb = () => (server.residentKb() - before.kb) / KB_PER_MB;
      const released: string[] = [];
      for (let round = 0; round < HELD_ROUNDS; round += 1) {
        const held = await hold(HELD);
        if (round === 0) perAllocation.set(name, [(aboveMb() * KB_PER_MB) / HELD]);
        await held.release();
        released.push(aboveMb().toFixed(0));
      }
      const descriptors = server.descriptors() - before.descriptors;
      const endedMs = performance.now();
      const becomeQuiet = async () => {
        while (aboveMb() > MAX_MB_LEFT && performance.now() - endedMs < QUIET_MS) await sleep(LOOK_MS);
        leftMb.set(name, [aboveMb()]);
        const seconds = Math.round((performance.now() - endedMs) / 1000);
        this.notes.push(
          `${name}: resident memory ${Math.round(before.kb / KB_PER_MB)} MB before; above that, each time ${HELD} ` +
            `allocations were made and released: ${released.join(', ')} MB; after ${seconds} s of quiet ` +
            `${aboveMb().toFixed(0)} MB. Descriptors left: ${descriptors}.`,
        );
      };
      quiet.push(becomeQuiet());
    }
    await Promise.all(quiet);
    for (const name of ['batched', 'portable'] as const) {
      this.figures.push({
        name: `${name}: memory left of ${HELD_ROUNDS} times ${HELD} allocations, once quiet`,
        unit: 'MB',
        ours: leftMb.get(name) ?? [],
        floor: leftMb.get('coturn') ?? [],
        target: { kind: 'value-at-most', bound: MAX_MB_LEFT },
      });
      this.figures.push({
        name: `${name}: memory of an allocation with a channel`,
        unit: 'KB',
        ours: perAllocation.get(name) ?? [],
        floor: perAllocation.get('coturn') ?? [],
        target: { kind: 'value-at-most', bound: MAX_KB_PER_ALLOCATION },
      });
    }
  }

  /** Rounds in which every server has its turn; who goes first changes from round to round. */
  async #inTurns<T>(work: (server: Server) => Promise<T>, rounds: number): Promise<Map<ServerName, T[]>> {
    const results = new Map<ServerName, T[]>();
    const order = [...this.#servers];
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, server] of order)
        results.set(name, [...(results.get(name) ?? []), await work(server)]);
      order.push(...order.splice(0, 1));
    }
    return results;
  }

  async #run(
    { port, pid }: Place,
    mode: string,
    packetsPerSecond: number,
    tenths: number,
    burst = BURST,
  ): Promise<Report> {
    const load = { mode, packetsPerSecond, tenths, burst, clients: CLIENTS, payloadBytes: PAYLOAD_BYTES };
    return await this.#generator.run({ port, pid, ...load });
  }

  /** The highest rate carried, to a sixteenth of the step it was found in. */
  async #highest(server: Server, mode: string): Promise<{ packetsPerSecond: number; isGenerators: boolean }> {
    let isGenerators = false;
    const carries = async (rate: number): Promise<boolean> => {
      const report = await this.#run(server, mode, rate, PROBE_TENTHS);
      const isBehind = report.behind > BEHIND * (report.sent + report.behind);
      isGenerators = isBehind && lossOf(report) < LOSS;
      return !isBehind && lossOf(report) < LOSS;
    };
    let low = 0;
    let high = FIRST_PROBE;
    while (high < MAX_PROBE && (await carries(high))) {
      low = high;
      high *= 2;
    }
    for (let step = 0; step < BISECTIONS; step += 1) {
      const middle = (low + high) / 2;
      if (await carries(middle)) low = middle;
      else high = middle;
    }
    return { packetsPerSecond: low, isGenerators };
  }

  #compare<T>(
    name: string,
    unit: string,
    results: ReadonlyMap<ServerName, readonly T[]>,
    value: (result: T) => number,
    target: (server: 'batched' | 'portable') => Target | null,
  ): void {
    const values = (server: ServerName) => (results.get(server) ?? []).map(value);
    for (const server of ['batched', 'portable'] as const) {
      const floor = values('coturn');
      this.figures.push({
        name: `${server}: ${name}`,
        unit,
        ours: values(server),
        floor,
        target: target(server),
      });
    }
  }

  #noteLosses(at: string, reports: ReadonlyMap<ServerName, readonly Report[]>): void {
    const lost = [...reports].map(
      ([server, list]) => `${server} ${formatNumber(median(list.map(lossOf)) * 100)} %`,
    );
    const wrong = sumOf(reports, (report) => report.wrong);
    this.notes.push(`${at}: lost, median: ${lost.join(', ')}; wrong: ${wrong}.`);
  }

  #server(name: ServerName): Server {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`${name} does not run`);
    return server;
  }
}

function perCpuSecond({ received, serverCpuSeconds }: Report): number {
  return received / serverCpuSeconds;
}

function lossOf({ sent, received }: Report): number {
  return sent === 0 ? 1 : (sent - received) / sent;
}

function sumOf<T>(results: ReadonlyMap<ServerName, readonly T[]>, value: (result: T) => number): number {
  return [...results.values()].flat().reduce((sum, result) => sum + value(result), 0);
}

async function measure(sections: readonly Section[], cases: readonly Case[]): Promise<void> {
  const generator = await Generator.build(GENERATOR_CORE, HELD);
  const servers = new Map<ServerName, Server>();
  const bench = new Bench(generator, servers);
  try {
    for (const name of SERVERS) servers.set(name, await startServer(name, SERVER_CORE));
    for (const section of sections) {
      for (const one of section === 'memory' ? [] : cases) {
        complain(`Measuring ${section}: ${one.name} ...`);
        if (section === 'load') await bench.load(one);
        else if (section === 'latency') await bench.latency(one);
        else if (section === 'rate') await bench.rate(one);
        else if (section === 'single') await bench.single(one);
      }
      if (section === 'memory') {
        complain('Measuring memory ...');
        await bench.memory();
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
    generator.close();
  }
  say(`\n${formatFigures(bench.figures, 'coturn')}\n`);
  for (const note of bench.notes) say(note);
}

// Ended from outside it takes its relays with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const asked = process.argv.slice(2);
const sections = SECTIONS.filter((name) => asked.includes(name));
const cases = CASES.filter(({ mode }) => asked.includes(mode));
const known: readonly string[] = [...SECTIONS, ...CASES.map(({ mode }) => mode)];
const unknown = asked.find((name) => !known.includes(name));
if (unknown !== undefined) {
  complain(`There is nothing called "${unknown}"; there are ${known.join(', ')}.`);
  process.exitCode = 1;
} else if (!(await ensureCoturn())) {
  complain('The bench of the relay needs coturn beside it: install the package coturn.');
  process.exitCode = 1;
} else if (process.platform !== 'linux' || availableParallelism() < 2) {
  complain('The bench of the relay needs Linux and two cores.');
  process.exitCode = 1;
} else {
  await measure(sections.length > 0 ? sections : SECTIONS, cases.length > 0 ? cases : CASES);
}
