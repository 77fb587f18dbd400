import { beforeEach, describe, expect, it } from 'vitest';
import { ipWords } from '../../turn-host/data-path/ip-words.ts';
import { Arena } from '../../turn-host/data-path/linux/arena.ts';
import { EAGAIN, EINTR } from '../../turn-host/data-path/linux/constants.ts';
import type { Libc } from '../../turn-host/data-path/linux/libc.ts';
import { Outbox, Outlet, Route } from '../../turn-host/data-path/linux/outbox.ts';

const BASE = 0x7f00_1234_5000;
const CAPACITY = 16;
const EINVAL = 22;
const EMSGSIZE = 90;

interface Message {
  readonly fd: number;
  readonly port: number;
  readonly lengths: number[];
  readonly firstOctets: number[];
  /** Of UDP_SEGMENT; 0 without. */
  readonly segmentBytes: number;
}

/** What the kernel would do with a message: take it, or refuse it with an error. */
type Kernel = (message: Message) => number;

/** Reads the structures as the kernel does, from the documented offsets, and not by the code under test. */
class FakeKernel {
  readonly taken: Message[] = [];
  answer: Kernel = () => 0;
  #memory = new DataView(new ArrayBuffer(0));
  #errno = 0;

  readonly libc = {
    addressOf: (buffer: ArrayBuffer) => {
      this.#memory = new DataView(buffer);
      return BASE;
    },
    errno: () => this.#errno,
    sendmmsg: (fd: number, headers: number, count: number) => {
      for (let index = 0; index < count; index += 1) {
        const message = this.#read(fd, headers - BASE + index * 64);
        this.#errno = this.answer(message);
        if (this.#errno !== 0) {
          return index > 0 ? index : -1;
        }
        this.taken.push(message);
      }
      return count;
    },
    // An outbox calls no more of the C library than this.
  } as unknown as Libc;

  #pointer(at: number): number {
    return Number(this.#memory.getBigUint64(at, true)) - BASE;
  }

  #read(fd: number, header: number): Message {
    const memory = this.#memory;
    const name = this.#pointer(header);
    const iovec = this.#pointer(header + 16);
    const count = Number(memory.getBigUint64(header + 24, true));
    const controlBytes = Number(memory.getBigUint64(header + 40, true));
    const vectors = Array.from({ length: count }, (_, index) => iovec + index * 16);
    let segmentBytes = 0;
    if (controlBytes > 0) {
      const control = this.#pointer(header + 32);
      expect(memory.getInt32(control + 8, true)).toBe(17);
      expect(memory.getInt32(control + 12, true)).toBe(103);
      segmentBytes = memory.getUint16(control + 16, true);
    }
    return {
      fd,
      port: memory.getUint16(name + 2),
      lengths: vectors.map((vector) => Number(memory.getBigUint64(vector + 8, true))),
      firstOctets: vectors.map((vector) => memory.getUint8(this.#pointer(vector))),
      segmentBytes,
    };
  }
}

describe('the outbox', () => {
  let kernel: FakeKernel;
  let arena: Arena;
  let outbox: Outbox;
  let dropped: number;
  let packets: number;
  let at: number;

  beforeEach(() => {
    kernel = new FakeKernel();
    arena = new Arena(kernel.libc, Outbox.arenaBytes(CAPACITY) + 8192);
    dropped = 0;
    packets = 0;
    outbox = new Outbox(kernel.libc, arena, CAPACITY, (count) => {
      dropped += count;
    });
    at = arena.take(4096);
  });

  function route(port: number, outlet = new Outlet(7)): Route {
    return new Route(outlet, 4, ipWords('192.0.2.1'), port);
  }

  /** Packets are numbered by their first octet. */
  function push(to: Route, ...lengths: number[]): void {
    for (const length of lengths) {
      packets += 1;
      arena.bytes[at + packets * 8] = packets;
      outbox.push(to, at + packets * 8, length);
    }
  }

  function sent(): (readonly number[])[] {
    return kernel.taken.map(({ firstOctets }) => firstOctets);
  }

  it('sends packets of one length to one destination as one message, a shorter one last', () => {
    push(route(1000), 100, 100, 60, 60, 100);
    outbox.flush();
    expect(kernel.taken.map(({ lengths }) => lengths)).toEqual([[100, 100, 60], [60], [100]]);
    expect(kernel.taken.map(({ segmentBytes }) => segmentBytes)).toEqual([100, 0, 0]);
    expect(sent()).toEqual([[1, 2, 3], [4], [5]]);
  });

  it('gathers what goes to one destination from between other packets, in its order', () => {
    const outlet = new Outlet(7);
    const [one, two] = [route(1000, outlet), route(2000, outlet)];
    for (let index = 0; index < 3; index += 1) {
      push(one, 50);
      push(two, 50);
    }
    outbox.flush();
    expect(kernel.taken.map(({ port, firstOctets }) => [port, ...firstOctets])).toEqual([
      [1000, 1, 3, 5],
      [2000, 2, 4, 6],
    ]);
  });

  it('sends from each socket what is its own', () => {
    push(route(1000, new Outlet(7)), 50);
    push(route(1000, new Outlet(8)), 50);
    outbox.flush();
    expect(kernel.taken.map(({ fd }) => fd)).toEqual([7, 8]);
  });

  it('sends empty packets by themselves', () => {
    push(route(1000), 0, 0, 40, 0);
    outbox.flush();
    expect(kernel.taken.map(({ lengths }) => lengths)).toEqual([[0], [0], [40], [0]]);
    expect(kernel.taken.every(({ segmentBytes }) => segmentBytes === 0)).toBe(true);
  });

  it('sends by itself when it is full, and nothing twice', () => {
    const to = route(1000);
    push(to, ...Array.from({ length: CAPACITY + 3 }, () => 20));
    expect(sent().flat()).toHaveLength(CAPACITY);
    outbox.flush();
    outbox.flush();
    expect(sent().flat()).toEqual(Array.from({ length: CAPACITY + 3 }, (_, index) => index + 1));
  });

  it('cuts no message of more than the kernel takes', () => {
    push(route(1000), 30_000, 30_000, 30_000);
    outbox.flush();
    expect(sent()).toEqual([[1, 2], [3]]);
  });

  it('drops and counts what a full buffer does not take, and goes on with the next socket', () => {
    kernel.answer = ({ fd, firstOctets }) => (fd === 7 && firstOctets[0] === 4 ? EAGAIN : 0);
    const outlet = new Outlet(7);
    push(route(1000, outlet), 50, 50, 50);
    push(route(2000, outlet), 50, 50);
    push(route(3000, outlet), 50);
    push(route(1000, new Outlet(8)), 50);
    outbox.flush();
    expect(sent()).toEqual([[1, 2, 3], [7]]);
    expect(dropped).toBe(3);
  });

  it('tries again when a signal came between', () => {
    let interruptions = 2;
    kernel.answer = () => {
      interruptions -= 1;
      return interruptions >= 0 ? EINTR : 0;
    };
    push(route(1000), 50, 50);
    outbox.flush();
    expect(sent()).toEqual([[1, 2]]);
    expect(dropped).toBe(0);
  });

  it('sends one by one where the kernel cuts nothing up, and remembers it', () => {
    kernel.answer = ({ segmentBytes }) => (segmentBytes > 0 ? EINVAL : 0);
    const to = route(1000);
    push(to, 50, 50, 50);
    outbox.flush();
    expect(sent()).toEqual([[1], [2], [3]]);
    expect(to.isWhole).toBe(true);
    let tries = 0;
    kernel.answer = () => {
      tries += 1;
      return 0;
    };
    push(to, 50, 50);
    outbox.flush();
    expect(sent().slice(3)).toEqual([[4], [5]]);
    expect(tries).toBe(2);
    expect(dropped).toBe(0);
  });

  it('drops a packet that is refused and sends the others', () => {
    kernel.answer = ({ lengths }) => (lengths.includes(1500) ? EMSGSIZE : 0);
    push(route(1000), 1500, 50, 1500, 50);
    outbox.flush();
    expect(sent()).toEqual([[2], [4]]);
    expect(dropped).toBe(2);
  });
});
