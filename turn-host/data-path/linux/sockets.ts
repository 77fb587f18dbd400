/**
 * Owns how UDP sockets and an epoll set are opened, asked and closed through the C library. Must not know what is sent.
 */
import { type IpFamily, ipWords } from '../ip-words.ts';
import type { Arena } from './arena.ts';
import {
  AF_INET,
  AF_INET6,
  EINTR,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLLIN,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from './constants.ts';
import { type EpollLayout, epollLayout, type Libc, systemError } from './libc.ts';
import { readSockaddr, SOCKADDR_BYTES, scopeOf, sockaddrBytes, writeSockaddr } from './sockaddr.ts';

const INT_BYTES = 4;

export interface UdpSocketOptions {
  readonly family: IpFamily;
  /** An IPv6 address that is link-local names its interface by number: `fe80::1%2`. */
  readonly ip: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly reusePort: boolean;
  /** Asked for, each way; the kernel may grant less. */
  readonly bufferBytes: number;
}

/** Sockets of one data path, which has room for an address and an option in an arena. */
export class Sockets {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #nameAt: number;
  readonly #valueAt: number;

  constructor(libc: Libc, arena: Arena) {
    this.#libc = libc;
    this.#arena = arena;
    this.#nameAt = arena.take(SOCKADDR_BYTES);
    this.#valueAt = arena.take(2 * INT_BYTES);
  }

  /** Opens and binds a socket that never blocks; the caller closes the descriptor. Throws the system's error. */
  open({ family, ip, port, reusePort, bufferBytes }: UdpSocketOptions): number {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = this.#libc.socket(family === 4 ? AF_INET : AF_INET6, type, 0);
    if (fd < 0) {
      throw systemError(this.#libc, 'socket');
    }
    try {
      if (family === 6) {
        this.#set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      }
      if (reusePort) {
        this.#set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
      }
      this.#set(fd, SOL_SOCKET, SO_RCVBUF, bufferBytes);
      this.#set(fd, SOL_SOCKET, SO_SNDBUF, bufferBytes);
      writeSockaddr(this.#arena.bytes, this.#nameAt, family, ipWords(ip), port, scopeOf(ip));
      if (this.#libc.bind(fd, this.#arena.address + this.#nameAt, sockaddrBytes(family)) < 0) {
        throw systemError(this.#libc, 'bind');
      }
    } catch (error) {
      this.close(fd);
      throw error;
    }
    return fd;
  }

  close(fd: number): void {
    this.#libc.close(fd);
  }

  /** The port bound to. Throws the system's error. */
  portOf(fd: number): number {
    const { address, bytes, words } = this.#arena;
    words[this.#valueAt >>> 2] = SOCKADDR_BYTES;
    if (this.#libc.getsockname(fd, address + this.#nameAt, address + this.#valueAt) < 0) {
      throw systemError(this.#libc, 'getsockname');
    }
    return readSockaddr(bytes, this.#nameAt, new Int32Array(4));
  }

  /** What the kernel granted of what was asked for; it reports twice that, with its own bookkeeping (socket(7)). */
  receiveBufferBytes(fd: number): number {
    return this.#get(fd, SO_RCVBUF) / 2;
  }

  sendBufferBytes(fd: number): number {
    return this.#get(fd, SO_SNDBUF) / 2;
  }

  #set(fd: number, level: number, name: number, value: number): void {
    this.#arena.words[this.#valueAt >>> 2] = value;
    const pointer = this.#arena.address + this.#valueAt;
    if (this.#libc.setsockopt(fd, level, name, pointer, INT_BYTES) < 0) {
      throw systemError(this.#libc, 'setsockopt');
    }
  }

  #get(fd: number, name: number): number {
    const { address, words } = this.#arena;
    words[this.#valueAt >>> 2] = 0;
    words[(this.#valueAt + INT_BYTES) >>> 2] = INT_BYTES;
    const value = address + this.#valueAt;
    this.#libc.getsockopt(fd, SOL_SOCKET, name, value, value + INT_BYTES);
    return words[this.#valueAt >>> 2] ?? 0;
  }
}

/** A set of descriptors, asked which of them have something to read. Level-triggered: what is left is reported again. */
export class EpollSet {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #layout: EpollLayout;
  readonly #capacity: number;
  readonly #eventsAt: number;
  readonly #eventAt: number;

  /** `capacity` is the most that one `wait` reports. Throws the system's error. */
  constructor(libc: Libc, arena: Arena, capacity: number) {
    this.#libc = libc;
    this.#arena = arena;
    this.#layout = epollLayout();
    this.#capacity = capacity;
    this.#eventsAt = arena.take(capacity * this.#layout.eventBytes);
    this.#eventAt = arena.take(this.#layout.eventBytes);
    this.fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.fd < 0) {
      throw systemError(libc, 'epoll_create1');
    }
  }

  /** Throws the system's error. */
  add(fd: number): void {
    this.#arena.words[this.#eventAt >>> 2] = EPOLLIN;
    this.#arena.words[(this.#eventAt + this.#layout.dataOffset) >>> 2] = fd;
    const event = this.#arena.address + this.#eventAt;
    if (this.#libc.epoll_ctl(this.fd, EPOLL_CTL_ADD, fd, event) < 0) {
      throw systemError(this.#libc, 'epoll_ctl');
    }
  }

  /** Before the descriptor is closed: a child process may hold it open a moment longer. */
  remove(fd: number): void {
    this.#libc.epoll_ctl(this.fd, EPOLL_CTL_DEL, fd, 0);
  }

  /** How many descriptors are ready now. Does not wait. */
  ready(): number {
    return this.#wait(0);
  }

  /** Waits until there are some, and gives how many. */
  waitUntilReady(): number {
    return this.#wait(-1);
  }

  /** The descriptor that the last call reported at `index`. */
  readyFd(index: number): number {
    const { eventBytes, dataOffset } = this.#layout;
    return this.#arena.words[(this.#eventsAt + index * eventBytes + dataOffset) >>> 2] ?? -1;
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #wait(timeoutMs: number): number {
    const events = this.#arena.address + this.#eventsAt;
    for (;;) {
      const count = this.#libc.epoll_wait(this.fd, events, this.#capacity, timeoutMs);
      if (count >= 0) {
        return count;
      }
      if (this.#libc.errno() !== EINTR) {
        throw systemError(this.#libc, 'epoll_wait');
      }
    }
  }
}
