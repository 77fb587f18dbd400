/**
 * Owns one flow's permissions and channels (RFC 8656 s9, s12): who may send, who may be sent to, under which number.
 * Look-ups make no object and compare numbers. Must not know sockets, policy or STUN requests.
 *
 * What has expired is as good as gone at once; its record goes with the next grant.
 */
import { type IpWords, ipWords, sameIp } from './ip-words.ts';

export interface GrantLimits {
  readonly maxPermissions: number;
  readonly maxChannels: number;
}

/** Index of a relayed address among the relay's own, or -1 for the address of a peer elsewhere. */
export type RelayIndex = number;

export interface Permission {
  readonly ip: IpWords;
  /** The same as it was written. */
  readonly text: string;
  /** Of a relayed address of this relay: a packet for it is a hop. */
  readonly relay: RelayIndex;
  expiresAtMs: number;
}

export interface Channel {
  readonly number: number;
  readonly ip: IpWords;
  /** The same as it was written. */
  readonly text: string;
  readonly port: number;
  readonly relay: RelayIndex;
  expiresAtMs: number;
  /** For the data path to keep what it prepared for this peer; -1 until it does. */
  slot: number;
}

/** `conflict`: the number is bound to another peer, or the peer to another number (s12.2). `exhausted`: no room. */
export type Grant = 'granted' | 'conflict' | 'exhausted';

export interface GrantsOptions {
  readonly limits: GrantLimits;
  /** Which of the relay's own addresses that is. */
  readonly relayIndexOf: (ip: IpWords) => RelayIndex;
  /** A channel's record went; its slot is free. */
  readonly onChannelGone?: (channel: Channel) => void;
}

export class Grants {
  readonly #options: GrantsOptions;
  #permissions: Permission[] = [];
  #channels: Channel[] = [];

  constructor(options: GrantsOptions) {
    this.#options = options;
  }

  /** Installs or renews permissions for all of `ips`, or for none when there is no room. */
  permit(ips: readonly string[], nowMs: number, expiresAtMs: number): Grant {
    const good = this.#permissions.filter((permission) => permission.expiresAtMs > nowMs);
    const held: Permission[] = [];
    const added: Permission[] = [];
    for (const text of ips) {
      const ip = ipWords(text);
      const isSame = (permission: Permission) => sameIp(permission.ip, ip);
      const found = good.find(isSame);
      if (found !== undefined) {
        held.push(found);
      } else if (!added.some(isSame)) {
        added.push({ ip, text, relay: this.#options.relayIndexOf(ip), expiresAtMs });
      }
    }
    if (good.length + added.length > this.#options.limits.maxPermissions) {
      return 'exhausted';
    }
    for (const permission of held) {
      permission.expiresAtMs = expiresAtMs;
    }
    this.#permissions = [...good, ...added];
    return 'granted';
  }

  /** Binds or renews a channel. The permission that goes with it (s12.2) is the caller's to install first. */
  bind(number: number, text: string, port: number, nowMs: number, expiresAtMs: number): Grant {
    this.#dropChannels((channel) => channel.expiresAtMs <= nowMs);
    const ip = ipWords(text);
    const held = this.channelNumbered(number, nowMs);
    if (held !== this.channelTo(ip, port, nowMs)) {
      return 'conflict';
    }
    if (held !== null) {
      held.expiresAtMs = expiresAtMs;
      return 'granted';
    }
    if (this.#channels.length >= this.#options.limits.maxChannels) {
      return 'exhausted';
    }
    const relay = this.#options.relayIndexOf(ip);
    this.#channels.push({ number, ip, text, port, relay, expiresAtMs, slot: -1 });
    return 'granted';
  }

  permissionOf(ip: IpWords, nowMs: number): Permission | null {
    const permissions = this.#permissions;
    for (let index = 0; index < permissions.length; index += 1) {
      const permission = permissions[index];
      if (permission !== undefined && sameIp(permission.ip, ip)) {
        return permission.expiresAtMs > nowMs ? permission : null;
      }
    }
    return null;
  }

  channelNumbered(number: number, nowMs: number): Channel | null {
    const channels = this.#channels;
    for (let index = 0; index < channels.length; index += 1) {
      const channel = channels[index];
      if (channel !== undefined && channel.number === number) {
        return channel.expiresAtMs > nowMs ? channel : null;
      }
    }
    return null;
  }

  channelTo(ip: IpWords, port: number, nowMs: number): Channel | null {
    const channels = this.#channels;
    for (let index = 0; index < channels.length; index += 1) {
      const channel = channels[index];
      if (channel !== undefined && channel.port === port && sameIp(channel.ip, ip)) {
        return channel.expiresAtMs > nowMs ? channel : null;
      }
    }
    return null;
  }

  /** Forgets everything, so that every slot is given back. */
  clear(): void {
    this.#permissions = [];
    this.#dropChannels(() => true);
  }

  #dropChannels(isGone: (channel: Channel) => boolean): void {
    const gone = this.#channels.filter(isGone);
    if (gone.length > 0) {
      this.#channels = this.#channels.filter((channel) => !gone.includes(channel));
      for (const channel of gone) {
        this.#options.onChannelGone?.(channel);
      }
    }
  }
}
