/**
 * Owns TCP and TLS: accepting connections, framing, who may hold one open and for how long. What is in a message it does
 * not know: media goes to the connection's flow, the rest to the engine.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Flow } from '../data-path/data-path.ts';
import { FrameKind, kindOf } from '../data-path/frames.ts';
import { familyOf, readIp } from '../data-path/ip-words.ts';
import type { ControlStream } from '../engine/control-client.ts';
import { Counter, type CounterName, type Counters } from '../metrics/counters.ts';
import type { SourceLimiter } from '../policy/source-limiter.ts';
import type { Certificate } from './certificate.ts';
import type { Backlog, ControlTurns } from './control-turns.ts';
import { StreamFramer } from './framer.ts';

const TLS_HANDSHAKE_MS = 10_000;
/** Requests are small; before there is an allocation nothing else is due. */
const MAX_REQUEST_BYTES = 2048;
const MAX_FRAME_BYTES = 4 + 65_536;
/** What may wait for a client that reads slowly; more is dropped, as a datagram would be. */
const MAX_WAITING_BYTES = 1 << 20;
/** The same before there was an allocation; who reads no answers has no need of the connection. */
const MAX_WAITING_ANSWER_BYTES = 1 << 14;

export interface StreamListenerOptions {
  readonly ip: string;
  readonly port: number;
  /** Null is plain TCP. */
  readonly certificate: Certificate | null;
  readonly reusePort: boolean;
  /** How long a connection may be without an allocation, whatever it says. */
  readonly idleMs: number;
  readonly gate: ConnectionGate;
  readonly turns: ControlTurns;
  readonly counters: Counters;
  readonly onControl: (packet: Buffer, client: ControlStream) => void;
  /** Called once for each connection that had control messages or an allocation. */
  readonly onDisconnected: (client: ControlStream) => void;
}

export interface StreamListener {
  readonly port: number;
  /** Ends every connection and resolves once the port is free. */
  close(): Promise<void>;
}

/**
 * How many connections there may be, in all and of one source; shared by the listeners of a worker. An IPv6 source is its
 * /64: whoever has one address there has them all.
 */
export class ConnectionGate {
  readonly #inAll: number;
  readonly #perSource: number;
  readonly #pace: SourceLimiter | null;
  readonly #bySource = new Map<string, number>();
  #open = 0;

  /** `pace` limits how often one source may open one: a handshake costs more than anything else a stranger can ask for. */
  constructor(inAll: number, perSource: number, pace: SourceLimiter | null) {
    this.#inAll = inAll;
    this.#perSource = perSource;
    this.#pace = pace;
  }

  enter(ip: string): boolean {
    const source = sourceOf(ip);
    const held = this.#bySource.get(source) ?? 0;
    if (this.#open >= this.#inAll || held >= this.#perSource) {
      return false;
    }
    if (this.#pace !== null && !this.#pace.take(ip, performance.now())) {
      return false;
    }
    this.#open += 1;
    this.#bySource.set(source, held + 1);
    return true;
  }

  leave(ip: string): void {
    const source = sourceOf(ip);
    const held = this.#bySource.get(source) ?? 0;
    this.#open -= 1;
    if (held <= 1) {
      this.#bySource.delete(source);
    } else {
      this.#bySource.set(source, held - 1);
    }
  }
}

function sourceOf(ip: string): string {
  const words = new Int32Array(4);
  return readIp(ip, words) && familyOf(words) === 6 ? `${words[0]},${words[1]}` : ip;
}

/** Rejects with the system's error when it cannot listen. */
export async function openStreamListener(options: StreamListenerOptions): Promise<StreamListener> {
  const { ip, port, certificate, reusePort, gate, counters } = options;
  const count = (name: CounterName): void => {
    counters[Counter[name]] = (counters[Counter[name]] ?? 0) + 1;
  };
  const sockets = new Set<Socket>();
  /** Guards the TCP connection from the first octet: a TLS handshake must end in its time too. */
  const accept = (socket: Socket): void => {
    const source = socket.remoteAddress ?? '';
    if (source === '' || !gate.enter(source)) {
      count('connectionsRefused');
      socket.destroy();
      return;
    }
    count('connectionsMade');
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      count('connectionsClosed');
      sockets.delete(socket);
      gate.leave(source);
    });
  };
  const serve = (socket: Socket): void => {
    const [clientIp, clientPort] = [socket.remoteAddress, socket.remotePort];
    if (clientIp === undefined || clientPort === undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    const connection = new StreamConnection(socket, clientIp, clientPort, options);
    socket.on('error', () => undefined);
    socket.once('close', () => connection.closed());
    // Who says no more is gone: to wait until they have read everything would hold their allocation for them.
    socket.once('end', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => connection.take(chunk));
  };
  let server: Server | TlsServer;
  if (certificate === null) {
    server = createServer({ noDelay: true }, (socket) => {
      accept(socket);
      serve(socket);
    });
  } else {
    const secure = createTlsServer({
      ...certificate.current,
      handshakeTimeout: TLS_HANDSHAKE_MS,
      minVersion: 'TLSv1.2',
      noDelay: true,
    });
    // A new certificate is for new handshakes; connections that are open keep theirs.
    certificate.onRenewed((renewed) => secure.setSecureContext(renewed));
    secure.on('connection', accept);
    secure.on('secureConnection', serve);
    secure.on('tlsClientError', (_error, socket) => socket.destroy());
    server = secure;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: ip, port, reusePort, ipv6Only: ip.includes(':'), exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) {
        socket.destroy();
      }
      await ended;
    },
  };
}

class StreamConnection implements ControlStream, Backlog {
  readonly kind = 'stream';
  readonly transport: 'tcp' | 'tls';
  readonly ip: string;
  readonly port: number;
  readonly localIp: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #options: StreamListenerOptions;
  readonly #framer = new StreamFramer((frame) => this.#takeFrame(frame));
  /** Over TLS: messages not yet taken by the system, the one being written first. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Read and not handed on: more came at once than the control plane takes in a turn. Nothing is read meanwhile. */
  readonly #unserved: Buffer[] = [];
  #flow: Flow | null = null;
  #hadAllocation = false;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(socket: Socket, ip: string, port: number, options: StreamListenerOptions) {
    this.#socket = socket;
    this.#options = options;
    this.ip = ip;
    this.port = port;
    this.transport = options.certificate === null ? 'tcp' : 'tls';
    this.localIp = socket.localAddress ?? options.ip;
    this.localPort = socket.localPort ?? options.port;
    this.#allowIdle();
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  take(chunk: Buffer): void {
    if (!this.#framer.push(chunk, this.#flow === null ? MAX_REQUEST_BYTES : MAX_FRAME_BYTES)) {
      this.#socket.destroy();
    }
  }

  write(bytes: Uint8Array): void {
    // RFC 8656 s12.5: over a stream ChannelData is padded. STUN messages are so by themselves.
    const paddedBytes = (bytes.length + 3) & ~3;
    const waitingBytes = this.#waitingBytes + this.#socket.writableLength + paddedBytes;
    if (!this.#hadAllocation && waitingBytes > MAX_WAITING_ANSWER_BYTES) {
      this.#socket.destroy();
    }
    if (this.#socket.destroyed || waitingBytes > MAX_WAITING_BYTES) {
      const { counters } = this.#options;
      counters[Counter.droppedUnsent] = (counters[Counter.droppedUnsent] ?? 0) + 1;
      return;
    }
    const message = Buffer.alloc(paddedBytes);
    message.set(bytes);
    if (this.transport === 'tcp') {
      this.#socket.write(message);
      return;
    }
    this.#waitingBytes += paddedBytes;
    this.#waiting.push(message);
    if (this.#waiting.length === 1) {
      this.#writeNext();
    }
  }

  /**
   * One message after the other, each in a TLS record of its own: written at once they would be joined, and there are
   * clients that take a record for a message (coturn's own is one).
   */
  #writeNext(): void {
    const [message] = this.#waiting;
    if (message === undefined || this.#socket.destroyed) {
      return;
    }
    this.#socket.write(message, () => {
      this.#waiting.shift();
      this.#waitingBytes -= message.length;
      this.#writeNext();
    });
  }

  attach(flow: Flow): void {
    this.#flow = flow;
    this.#hadAllocation = true;
    this.#clearIdle();
  }

  detach(): void {
    this.#flow = null;
    this.#allowIdle();
  }

  closed(): void {
    this.#clearIdle();
    this.#unserved.length = 0;
    this.#options.onDisconnected(this);
  }

  serveNext(): boolean {
    const frame = this.#unserved.shift();
    if (frame !== undefined) {
      this.#options.onControl(frame, this);
    }
    // Media behind a request goes as soon as that was answered.
    while (this.#unserved[0] !== undefined && this.#isMedia(this.#unserved[0])) {
      this.#unserved.shift();
    }
    if (this.#unserved.length === 0 && !this.#socket.destroyed) {
      this.#socket.resume();
    }
    return this.#unserved.length > 0;
  }

  #takeFrame(frame: Buffer): void {
    const { turns, onControl } = this.#options;
    if (this.#unserved.length === 0) {
      if (this.#isMedia(frame)) {
        return;
      }
      if (turns.take()) {
        onControl(frame, this);
        return;
      }
      this.#socket.pause();
      turns.wait(this);
    }
    this.#unserved.push(frame);
  }

  /** Whether it was media, which is relayed, or dropped where there is no allocation. */
  #isMedia(frame: Buffer): boolean {
    return this.#flow?.fromClient(frame) === true || kindOf(frame, 0, frame.length) !== FrameKind.control;
  }

  #allowIdle(): void {
    this.#clearIdle();
    if (!this.#socket.destroyed) {
      this.#idleTimer = setTimeout(() => this.#socket.destroy(), this.#options.idleMs);
    }
  }

  #clearIdle(): void {
    if (this.#idleTimer !== null) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = null;
    }
  }
}
