/**
 * The seam between control and media. A data path owns the datagram sockets, relayed and listening, and moves what is
 * relayed between them: ChannelData, Send and Data indications, packets at relayed addresses, hops between two flows.
 * It is told what was granted and never judges a request; everything else that arrives it hands to the control plane.
 *
 * Two implementations keep this contract, `portable.ts` and `batched.ts`; test/turn-host/data-path-contract.ts is their
 * common suite. Must not know users, credentials, STUN requests or node-turn.
 *
 * Reach. A grant for an address elsewhere was checked by the policy when it was made. A peer address that is one of the
 * relay's own (`directory.relayIndexOf`) is a hop, looked up anew for every packet: it must be live in the directory and,
 * with `sameRoomOnly`, of the flow's room. A hop to a flow of this data path is delivered to the other client, after the
 * other flow's own permission and channel for the sender's external relayed address; a hop to another worker's flow goes
 * through the relayed sockets. With `sameRoomOnly` nothing but hops leaves or enters.
 */
import type { Counters } from '../metrics/counters.ts';
import type { Directory, RoomWords } from './directory.ts';
import type { Grant, GrantLimits } from './grants.ts';

export type DataPathName = 'portable' | 'batched';

/** A UDP address that clients send to. */
export interface Listener {
  /** From 0, in the order of `listen`; tells apart clients of one address and port at several listeners. */
  readonly index: number;
  readonly ip: string;
  /** As bound. */
  readonly port: number;
  /** Octets that the kernel granted for receiving and for sending; 0 when unknown. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
}

export interface DatagramClient {
  readonly kind: 'datagram';
  readonly listener: Listener;
  /** As the system writes it, with its zone if it has one. */
  readonly ip: string;
  readonly port: number;
}

/** A TCP or TLS connection. Its listener does the framing and hands whole messages to `Flow.fromClient`. */
export interface StreamClient {
  readonly kind: 'stream';
  readonly ip: string;
  readonly port: number;
  /**
   * Writes one whole message; pads ChannelData to four octets (RFC 8656 s12.5). Takes what it needs of `bytes` before it
   * returns: they are overwritten afterwards. Drops the message when the connection is closed or too far behind.
   */
  write(bytes: Uint8Array): void;
}

export type Client = DatagramClient | StreamClient;

export interface FlowOptions {
  /** No other open flow has the same datagram client. */
  readonly client: Client;
  /** Index of the relay address in `directory.addresses`. */
  readonly relay: number;
  /** Claimed in the directory by the caller, who also publishes and releases it. */
  readonly port: number;
  readonly room: RoomWords | null;
}

/** What is relayed for one allocation. */
export interface Flow {
  readonly relay: number;
  readonly port: number;
  /** Installs or renews permissions for all of `ips` (same family as the relay address), or for none. */
  permit(ips: readonly string[], expiresAtMs: number): Grant;
  /** Binds or renews a channel; the caller has installed the permission. */
  bind(channel: number, ip: string, port: number, expiresAtMs: number): Grant;
  /** Whether a permission for that address is held and good now. */
  isPermitted(ip: string): boolean;
  /**
   * Takes a whole message of a stream client. True when it was ChannelData or a Send indication, relayed or dropped;
   * false when it is for the control plane. Nobody may overwrite `frame` afterwards: it may be queued.
   */
  fromClient(frame: Uint8Array): boolean;
  /** Closes the relayed socket, forgets every grant. Idempotent. */
  close(): void;
}

export interface DataPathOptions {
  readonly directory: Directory;
  readonly sameRoomOnly: boolean;
  /**
   * For tests on one machine: ports of an own address that are not live are peers like any other, both ways. Never
   * together with `sameRoomOnly`.
   */
  readonly ownPortsOpen: boolean;
  readonly limits: GrantLimits;
  /** Of one flow, both directions together, payload only; null is no limit. A hop is charged to the sender. */
  readonly flowBytesPerSecond: number | null;
  /** Of all flows of this data path. */
  readonly totalBytesPerSecond: number | null;
  readonly counters: Counters;
  /** Unix time in milliseconds; read at most once a packet or a batch. */
  readonly now: () => number;
  /**
   * Everything from datagram clients that is neither ChannelData nor a Send indication, which are dropped when they are
   * of no flow. `packet` and `client` are the receiver's to keep.
   */
  readonly onControl: (packet: Buffer, client: DatagramClient) => void;
}

export interface DataPath {
  readonly name: DataPathName;
  /** Flows open now. */
  readonly flows: number;
  /** Opens a UDP listener. `reusePort` lets other workers bind the same. Rejects with the system's error. */
  listen(options: { ip: string; port: number; reusePort: boolean }): Promise<Listener>;
  /** Binds the relayed address. Rejects with the system's error: `EADDRINUSE`, `EMFILE` and so on. */
  openFlow(options: FlowOptions): Promise<Flow>;
  /** Sends an answer of the control plane; never throws. `packet` is the data path's from then on. */
  sendControl(client: Client, packet: Uint8Array): void;
  /** Closes everything and resolves once the ports are free. Idempotent. */
  close(): Promise<void>;
}
