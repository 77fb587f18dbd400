/**
 * The entry of a worker thread: one relay worker whose admissions are decided by the main thread. Owns both ends of the
 * messages between the two.
 */
import { isMainThread, parentPort, type Transferable, Worker, workerData } from 'node:worker_threads';
import type { TurnHostConfig } from './config.ts';
import type { DataPathName } from './data-path/data-path.ts';
import { Directory } from './data-path/directory.ts';
import { type Counters, createCounters } from './metrics/counters.ts';
import type { Admission, Admissions, RelayPort } from './policy/admissions.ts';
import type { Holder } from './policy/allocation-quota.ts';
import { type BoundPorts, type Log, type RelayWorker, startRelayWorker } from './relay-worker.ts';

interface ThreadData {
  readonly config: TurnHostConfig;
  readonly number: number;
  readonly ports: BoundPorts | null;
  readonly directory: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly nonceKey: Uint8Array;
}

type Question =
  | { readonly about: 'admit'; readonly holder: Holder; readonly source: string }
  | { readonly about: 'reserve'; readonly holder: Holder; readonly port: RelayPort }
  | { readonly about: 'redeem'; readonly user: string; readonly token: string };
type AnswerValue = Admission | RelayPort | string | null;

type FromThread =
  | { readonly type: 'ready'; readonly ports: BoundPorts; readonly dataPath: DataPathName }
  | { readonly type: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'giveBack'; readonly holder: Holder }
  | { readonly type: 'closed' };

type ToThread =
  | { readonly type: 'answer'; readonly id: number; readonly value: AnswerValue }
  | { readonly type: 'reload' }
  | { readonly type: 'close' };

export interface ThreadOptions {
  readonly config: TurnHostConfig;
  /** From 0. */
  readonly number: number;
  readonly ports: BoundPorts | null;
  readonly directory: Directory;
  readonly counters: Counters;
  readonly nonceKey: Uint8Array;
  readonly admissions: Admissions;
  readonly log: Log;
  /** It ended without having been asked to. */
  readonly onDeath: (error: Error) => void;
}

/** Starts a thread; the worker in it looks like one of this thread. Rejects when it cannot listen. */
export function startWorkerThread(options: ThreadOptions): Promise<RelayWorker> {
  const { config, number, ports, nonceKey, admissions, log, onDeath } = options;
  const data: ThreadData = {
    ...{ config, number, ports, nonceKey },
    directory: options.directory.shared,
    counters: options.counters.buffer as SharedArrayBuffer,
  };
  const thread = new Worker(new URL(import.meta.url), { workerData: data });
  const send = (message: ToThread) => thread.postMessage(message, [] as Transferable[]);
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  let state: 'starting' | 'running' | 'closing' = 'starting';
  const close = async (): Promise<void> => {
    if (state !== 'closing') {
      state = 'closing';
      send({ type: 'close' });
    }
    await ended;
  };
  const decide = (question: Question): Promise<AnswerValue> => {
    switch (question.about) {
      case 'admit':
        return admissions.admit(question.holder, question.source);
      case 'reserve':
        return admissions.reserve(question.holder, question.port);
      case 'redeem':
        return admissions.redeem(question.user, question.token);
    }
  };
  return new Promise((resolve, reject) => {
    const died = (error: Error) => {
      const before = state;
      state = 'closing';
      if (before === 'starting') {
        reject(error);
      } else if (before === 'running') {
        onDeath(error);
      }
    };
    thread.on('error', (error) => died(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', () => died(new Error('a worker ended')));
    thread.on('message', (message: FromThread) => {
      switch (message.type) {
        case 'ready': {
          state = 'running';
          const { dataPath } = message;
          resolve({ ports: message.ports, dataPath, reload: () => send({ type: 'reload' }), close });
          return;
        }
        case 'failed':
          died(Object.assign(new Error(message.message), { code: message.code }));
          return;
        case 'log':
          log(message.line);
          return;
        case 'ask':
          void decide(message.question).then((value) => send({ type: 'answer', id: message.id, value }));
          return;
        case 'giveBack':
          admissions.giveBack(message.holder);
          return;
        case 'closed':
          return;
      }
    });
  });
}

/** Asks the main thread. */
class RemoteAdmissions implements Admissions {
  readonly #post: (message: FromThread) => void;
  readonly #waiting = new Map<number, (value: AnswerValue) => void>();
  #lastId = 0;

  constructor(post: (message: FromThread) => void) {
    this.#post = post;
  }

  async admit(holder: Holder, source: string): Promise<Admission> {
    const value = await this.#ask({ about: 'admit', holder, source });
    return value === 'admitted' || value === 'quota' ? value : 'full';
  }

  giveBack(holder: Holder): void {
    this.#post({ type: 'giveBack', holder });
  }

  async reserve(holder: Holder, port: RelayPort): Promise<string | null> {
    const value = await this.#ask({ about: 'reserve', holder, port });
    return typeof value === 'string' ? value : null;
  }

  async redeem(user: string, token: string): Promise<RelayPort | null> {
    const value = await this.#ask({ about: 'redeem', user, token });
    return typeof value === 'object' ? value : null;
  }

  answered(id: number, value: AnswerValue): void {
    this.#waiting.get(id)?.(value);
    this.#waiting.delete(id);
  }

  #ask(question: Question): Promise<AnswerValue> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#post({ type: 'ask', id, question });
    });
  }
}

async function serve(data: ThreadData, port: NonNullable<typeof parentPort>): Promise<void> {
  const { config, number, ports, nonceKey } = data;
  const post = (message: FromThread) => port.postMessage(message);
  const admissions = new RemoteAdmissions(post);
  let worker: RelayWorker | null = null;
  let isClosing = false;
  const close = async () => {
    isClosing = true;
    await worker?.close();
    post({ type: 'closed' });
    port.close();
  };
  port.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'answer':
        admissions.answered(message.id, message.value);
        return;
      case 'reload':
        worker?.reload();
        return;
      case 'close':
        void close();
        return;
    }
  });
  try {
    worker = await startRelayWorker({
      ...{ config, ports, nonceKey, admissions },
      directory: new Directory(config.relays, number, data.directory),
      counters: createCounters(data.counters),
      log: (line, addresses) => {
        const more = config.debug && addresses ? ` ${addresses()}` : '';
        post({ type: 'log', line: `worker ${number + 1}: ${line}${more}` });
      },
      now: Date.now,
    });
    if (isClosing) {
      await close();
    } else {
      post({ type: 'ready', ports: worker.ports, dataPath: worker.dataPath });
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    post({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    port.close();
  }
}

if (!isMainThread && parentPort !== null) {
  void serve(workerData as ThreadData, parentPort);
}
