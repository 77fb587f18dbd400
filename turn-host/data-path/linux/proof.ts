/**
 * Owns the proof that batching works on this machine: the calls exist, no sandbox forbids them, and the structures are laid
 * out as this folder has them. Must not know flows.
 */
import { ipWords } from '../ip-words.ts';
import { Arena } from './arena.ts';
import type { Libc } from './libc.ts';
import { Outbox, Outlet, Route } from './outbox.ts';
import { PacketSlots } from './packet-slots.ts';
import { readSockaddr } from './sockaddr.ts';
import { EpollSet, Sockets } from './sockets.ts';

const LENGTHS = [100, 100, 60];
const LOOPBACK = '127.0.0.1';

/** Sends three datagrams to itself as one batch and looks at what comes. Throws what is wrong; leaves nothing open. */
export function proveBatching(libc: Libc): void {
  const arena = new Arena(libc, PacketSlots.arenaBytes(4) + Outbox.arenaBytes(4) + 4096);
  const slots = new PacketSlots(libc, arena, 4);
  const outbox = new Outbox(libc, arena, 4, () => undefined);
  const sockets = new Sockets(libc, arena);
  const epoll = new EpollSet(libc, arena, 4);
  const open: number[] = [];
  try {
    const options = { family: 4, ip: LOOPBACK, port: 0, reusePort: false, bufferBytes: 65_536 } as const;
    const sender = sockets.open(options);
    open.push(sender);
    const receiver = sockets.open(options);
    open.push(receiver);
    epoll.add(receiver);
    const route = new Route(new Outlet(sender), 4, ipWords(LOOPBACK), sockets.portOf(receiver));
    LENGTHS.forEach((length, index) => {
      arena.bytes.fill(
        index + 1,
        slots.payloadAt(0) + index * 200,
        slots.payloadAt(0) + index * 200 + length,
      );
      outbox.push(route, slots.payloadAt(0) + index * 200, length);
    });
    outbox.flush();
    if (epoll.ready() !== 1 || epoll.readyFd(0) !== receiver) {
      throw new Error('epoll does not report what was sent');
    }
    const came = slots.receive(receiver, 1);
    const from = new Int32Array(4);
    const isRight = LENGTHS.every((length, index) => {
      const at = slots.payloadAt(1 + index);
      return (
        slots.payloadBytes(1 + index) === length &&
        arena.bytes.subarray(at, at + length).every((octet) => octet === index + 1) &&
        readSockaddr(arena.bytes, slots.nameAt(1 + index), from) === sockets.portOf(sender)
      );
    });
    if (came !== LENGTHS.length || !isRight) {
      throw new Error('a batch does not arrive as it was sent');
    }
  } finally {
    for (const fd of open) {
      sockets.close(fd);
    }
    epoll.close();
  }
}
