/**
 * Owns the door to the C library: the few system calls of the batched data path, called through koffi. Addresses of
 * memory are plain numbers (user space has at most 57 bits, of which Linux hands out 47 unless asked for more).
 * Must not know packets, flows or what the calls are for.
 */
import { getSystemErrorName } from 'node:util';

/** A watch on a descriptor. Whoever holds it keeps it: one that is collected watches no more. */
export interface PollHandle {
  close(): void;
}

/** As in the C library: -1 on failure, the reason then in `errno`. `pointer` is an address within memory kept alive. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, pointer: number, bytes: number): number;
  close(fd: number): number;
  getsockname(fd: number, pointer: number, bytesPointer: number): number;
  setsockopt(fd: number, level: number, name: number, pointer: number, bytes: number): number;
  getsockopt(fd: number, level: number, name: number, pointer: number, bytesPointer: number): number;
  sendto(fd: number, pointer: number, bytes: number, flags: number, to: number, toBytes: number): number;
  recvmmsg(fd: number, headers: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, headers: number, count: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: number): number;
  epoll_wait(epoll: number, events: number, count: number, timeoutMs: number): number;
  timerfd_create(clock: number, flags: number): number;
  timerfd_settime(fd: number, flags: number, value: number, old: number): number;
  read(fd: number, pointer: number, bytes: number): number;
  /** Of the last call that failed. */
  errno(): number;
  /** Where the memory of `buffer` lies. It does not move; the caller keeps the buffer alive while the address is used. */
  addressOf(buffer: ArrayBuffer): number;
  /**
   * Calls `onReadable` from the event loop whenever `fd` is readable, level-triggered. It is called outside of any
   * scope in which ticks and promises are settled afterwards, and must not throw.
   */
  poll(fd: number, onReadable: () => void): PollHandle;
}

/** A failed call as Node reports one: `code`, `errno`, `syscall`. */
export function systemError(libc: Libc, syscall: string): Error {
  const errno = libc.errno();
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall });
}

/** x86-64 packs `struct epoll_event`, others align it: size, and offset of the data that comes back (epoll_ctl(2)). */
export interface EpollLayout {
  readonly eventBytes: number;
  readonly dataOffset: number;
}

const EPOLL_LAYOUTS: ReadonlyMap<string, EpollLayout> = new Map([
  ['x64', { eventBytes: 12, dataOffset: 4 }],
  ['arm64', { eventBytes: 16, dataOffset: 8 }],
]);

/** The layout on this machine. Throws where the structures of this folder are not known to be right. */
export function epollLayout(): EpollLayout {
  const layout = process.platform === 'linux' ? EPOLL_LAYOUTS.get(process.arch) : undefined;
  if (layout === undefined) {
    throw new Error(`no batched system calls are known for ${process.platform} on ${process.arch}`);
  }
  return layout;
}

/** Opens glibc. Rejects when koffi is not installed, has no binary here, or the C library is another (musl). */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load('libc.so.6');
  const bound = (name: string, result: string, ...parameters: string[]) =>
    library.func(name, result, parameters) as (...values: number[]) => number;
  return {
    socket: bound('socket', 'int', 'int', 'int', 'int'),
    bind: bound('bind', 'int', 'int', 'uintptr_t', 'uint'),
    close: bound('close', 'int', 'int'),
    getsockname: bound('getsockname', 'int', 'int', 'uintptr_t', 'uintptr_t'),
    setsockopt: bound('setsockopt', 'int', 'int', 'int', 'int', 'uintptr_t', 'uint'),
    getsockopt: bound('getsockopt', 'int', 'int', 'int', 'int', 'uintptr_t', 'uintptr_t'),
    sendto: bound('sendto', 'intptr_t', 'int', 'uintptr_t', 'size_t', 'int', 'uintptr_t', 'uint'),
    recvmmsg: bound('recvmmsg', 'int', 'int', 'uintptr_t', 'uint', 'int', 'uintptr_t'),
    sendmmsg: bound('sendmmsg', 'int', 'int', 'uintptr_t', 'uint', 'int'),
    epoll_create1: bound('epoll_create1', 'int', 'int'),
    epoll_ctl: bound('epoll_ctl', 'int', 'int', 'int', 'int', 'uintptr_t'),
    epoll_wait: bound('epoll_wait', 'int', 'int', 'uintptr_t', 'int', 'int'),
    timerfd_create: bound('timerfd_create', 'int', 'int', 'int'),
    timerfd_settime: bound('timerfd_settime', 'int', 'int', 'int', 'uintptr_t', 'uintptr_t'),
    read: bound('read', 'intptr_t', 'int', 'uintptr_t', 'size_t'),
    errno: () => koffi.errno(),
    addressOf: (buffer) => Number(koffi.address(buffer)),
    poll: (fd, onReadable) => koffi.node.poll(fd, onReadable),
  };
}
