/**
 * Owns the load generator: builds `turn-load.c`, writes the users it signs in as, runs it pinned to a core of its own, and
 * reads its report. Knows nothing of what the figures mean.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mintCredential } from '../../../turn-host/credential.ts';

export const REALM = 'parley';
export const SECRET = 'a secret of the bench';
const CREDENTIAL_SECONDS = 24 * 3600;
const COMPILERS = ['gcc', 'cc', 'clang'];

/** What one run reports. Packets, seconds, microseconds. */
export interface Report {
  readonly sent: number;
  readonly received: number;
  /** Due at the rate and not sent, because the generator itself could not. */
  readonly behind: number;
  /** Received, and not what was sent. */
  readonly wrong: number;
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly ownCpuSeconds: number;
  /** From the sending socket to the receiving one. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** Whether the sending thread goes before the receiving one on their core; otherwise latency is partly the generator's. */
  readonly sendsFirst: boolean;
}

export interface Load {
  /** As in turn-load.c. */
  readonly mode: string;
  readonly port: number;
  readonly pid: number;
  readonly clients: number;
  readonly payloadBytes: number;
  readonly packetsPerSecond: number;
  readonly tenths: number;
  readonly burst: number;
}

function isReport(value: unknown): value is Report {
  const names = ['sent', 'received', 'behind', 'wrong', 'seconds', 'serverCpuSeconds', 'p50Us', 'p99Us'];
  if (typeof value !== 'object' || value === null) return false;
  const typeOf = (name: string) => typeof Object.getOwnPropertyDescriptor(value, name)?.value;
  return names.every((name) => typeOf(name) === 'number') && typeOf('sendsFirst') === 'boolean';
}

/** Allocations that are held until `release`. */
export interface Held {
  release(): Promise<void>;
}

export class Generator {
  readonly #folder: string;
  readonly #core: number;

  private constructor(folder: string, core: number) {
    this.#folder = folder;
    this.#core = core;
  }

  /** Compiles, and writes credentials for up to `users` clients. Throws with the compiler's words when it cannot. */
  static async build(core: number, users: number): Promise<Generator> {
    const compiler = COMPILERS.find(
      (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
    );
    if (compiler === undefined) {
      throw new Error('The load generator needs a C compiler: install gcc.');
    }
    const folder = mkdtempSync(join(tmpdir(), 'parley-bench-relay-'));
    const source = join(import.meta.dirname, 'turn-load.c');
    const words = ['-O2', '-Wall', '-Wextra', '-pthread', '-o', join(folder, 'turn-load'), source];
    const built = spawnSync(compiler, words, { encoding: 'utf8' });
    if (built.status !== 0) {
      rmSync(folder, { recursive: true });
      throw new Error(`The load generator could not be built:\n${built.stderr}`);
    }
    const expiresAt = Math.floor(Date.now() / 1000) + CREDENTIAL_SECONDS;
    const lines = Array.from({ length: users }, async (_, index) => {
      const { username, credential } = await mintCredential(SECRET, `room${index}.peer`, expiresAt);
      const key = createHash('md5').update(`${username}:${REALM}:${credential}`).digest('hex');
      return `${username} ${REALM} ${key}\n`;
    });
    writeFileSync(join(folder, 'users'), (await Promise.all(lines)).join(''));
    return new Generator(folder, core);
  }

  /** Runs a load to its end. Throws what the generator complained of. */
  async run(load: Load): Promise<Report> {
    const child = this.#spawn(load);
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += String(chunk);
    });
    await ended(child);
    const report: unknown = JSON.parse(text);
    if (!isReport(report)) {
      throw new Error('the load generator reported something else');
    }
    return report;
  }

  /** Makes `clients` allocations with a channel each and holds them. */
  async hold(load: Omit<Load, 'mode' | 'packetsPerSecond' | 'tenths' | 'burst'>): Promise<Held> {
    const child = this.#spawn({ ...load, mode: 'hold', packetsPerSecond: 1, tenths: 1, burst: 1 });
    const end = ended(child);
    if (child.stdout === null) throw new Error('the load generator has no output');
    await Promise.race([once(createInterface(child.stdout), 'line'), end]);
    return {
      release: async () => {
        child.stdin?.end();
        await end;
      },
    };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(load: Load): ChildProcess {
    const { port, mode, clients, payloadBytes, packetsPerSecond, tenths, burst, pid } = load;
    const numbers = [clients, payloadBytes, packetsPerSecond, tenths, burst, pid].map(String);
    const program = [
      join(this.#folder, 'turn-load'),
      String(port),
      mode,
      ...numbers,
      join(this.#folder, 'users'),
    ];
    return spawn('taskset', ['-c', String(this.#core), ...program], { stdio: ['pipe', 'pipe', 'pipe'] });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    throw new Error(`the load generator failed: ${complaint.trim()}`);
  }
}
