/**
 * Owns one allocation's relayed socket, permissions and channels (RFC 8656 s9 to s12). Must not know STUN
 * requests or credentials: it is told what was granted.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import type Allocation from 'node-turn/lib/allocation.js';
import type { PeerPolicy } from '../peer-policy.ts';

/** RFC 8656 s9: five minutes. RFC 8656 s12: ten. */
const PERMISSION_LIFETIME_MS = 300_000;
const CHANNEL_LIFETIME_MS = 600_000;
const MAX_PERMISSIONS = 256;
const MAX_CHANNELS = 256;

interface Channel {
  readonly number: number;
  readonly ip: string;
  readonly port: number;
  expiresAtMs: number;
}

export type Grant = 'granted' | 'conflict' | 'exhausted';

export interface RelayedAllocationOptions {
  readonly allocation: Allocation;
  readonly socket: Socket;
  readonly policy: PeerPolicy;
  readonly now: () => number;
  /** Sends to the client over a bound channel, already framed as ChannelData. */
  readonly sendToClient: (packet: Buffer) => void;
  /** Sends to the client as a Data indication. */
  readonly indicateToClient: (ip: string, port: number, data: Buffer) => void;
}

export class RelayedAllocation {
  readonly allocation: Allocation;
  readonly #options: RelayedAllocationOptions;
  readonly #permissions = new Map<string, number>();
  readonly #channels = new Map<number, Channel>();
  readonly #channelByPeer = new Map<string, Channel>();
  #closed = false;

  constructor(options: RelayedAllocationOptions) {
    this.allocation = options.allocation;
    this.#options = options;
    options.socket.on('message', (data, from) => this.#fromPeer(data, from));
    options.socket.on('error', () => undefined);
  }

  /** Installs or renews permissions for all of `ips`, or for none when there is no room. */
  permit(ips: readonly string[]): 'granted' | 'exhausted' {
    const nowMs = this.#options.now();
    for (const [ip, expiresAtMs] of this.#permissions) {
      if (expiresAtMs <= nowMs) {
        this.#permissions.delete(ip);
      }
    }
    const added = new Set(ips.filter((ip) => !this.#permissions.has(ip)));
    if (this.#permissions.size + added.size > MAX_PERMISSIONS) {
      return 'exhausted';
    }
    for (const ip of ips) {
      this.#permissions.set(ip, nowMs + PERMISSION_LIFETIME_MS);
    }
    return 'granted';
  }

  /** Binds or renews a channel and the permission that goes with it (RFC 8656 s12.2). */
  bind(number: number, ip: string, port: number): Grant {
    const nowMs = this.#options.now();
    for (const channel of this.#channels.values()) {
      if (channel.expiresAtMs <= nowMs) {
        this.#channels.delete(channel.number);
        this.#channelByPeer.delete(`${channel.ip}:${channel.port}`);
      }
    }
    const peer = `${ip}:${port}`;
    const held = this.#channels.get(number);
    if (held !== this.#channelByPeer.get(peer)) {
      return 'conflict';
    }
    if ((held === undefined && this.#channels.size >= MAX_CHANNELS) || this.permit([ip]) === 'exhausted') {
      return 'exhausted';
    }
    const channel = held ?? { number, ip, port, expiresAtMs: 0 };
    channel.expiresAtMs = nowMs + CHANNEL_LIFETIME_MS;
    this.#channels.set(number, channel);
    this.#channelByPeer.set(peer, channel);
    return 'granted';
  }

  /** Relays to a peer if a permission and the policy allow it; else drops (RFC 8656 s11.2). */
  sendToPeer(ip: string, port: number, data: Buffer): void {
    if (!this.#closed && this.#isPermitted(ip) && this.#options.policy.mayReach(ip, port)) {
      this.#options.socket.send(data, port, ip, () => undefined);
    }
  }

  /** Relays a ChannelData message from the client; drops an unbound channel and a length that lies (s12.6). */
  fromChannel(packet: Buffer): void {
    const lengthBytes = packet.readUInt16BE(2);
    const channel = this.#channels.get(packet.readUInt16BE(0));
    if (
      channel === undefined ||
      channel.expiresAtMs <= this.#options.now() ||
      lengthBytes > packet.length - 4
    ) {
      return;
    }
    this.sendToPeer(channel.ip, channel.port, packet.subarray(4, 4 + lengthBytes));
  }

  /** Gives the port back. Idempotent. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    clearTimeout(this.allocation.timer);
    this.#options.socket.close();
  }

  #isPermitted(ip: string): boolean {
    const expiresAtMs = this.#permissions.get(ip);
    return expiresAtMs !== undefined && expiresAtMs > this.#options.now();
  }

  #fromPeer(data: Buffer, from: RemoteInfo): void {
    if (this.#closed || !this.#isPermitted(from.address)) {
      return;
    }
    if (!this.#options.policy.mayReach(from.address, from.port)) {
      return;
    }
    const channel = this.#channelByPeer.get(`${from.address}:${from.port}`);
    if (channel === undefined || channel.expiresAtMs <= this.#options.now()) {
      this.#options.indicateToClient(from.address, from.port, data);
      return;
    }
    const header = Buffer.alloc(4);
    header.writeUInt16BE(channel.number, 0);
    header.writeUInt16BE(data.length, 2);
    this.#options.sendToClient(Buffer.concat([header, data]));
  }
}
