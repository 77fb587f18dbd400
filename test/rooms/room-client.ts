/** A client of a room over a plain socket: what it sends is up to the test, what it hears is decoded and kept. */

import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  decodeServerMessage,
  encodeMessage,
  type Resume,
  type ServerMessage,
} from '../../rooms/protocol/index.ts';

type Welcome = Extract<ServerMessage, { kind: 'welcome' }>;

/** A guard against hanging, not a measure. */
const PATIENCE_MS = 60_000;

export class RoomClient {
  readonly heard: ServerMessage[] = [];
  readonly pongs: string[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      // The close frame is the answer; the transport under it may linger for seconds.
      const answered = setInterval(() => {
        if (socket.readyState === WebSocket.CLOSING) socket.terminate();
      }, 10);
      socket.on('close', (code, reason) => {
        clearInterval(answered);
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const text = data.toString();
      if (text === 'pong') {
        this.pongs.push(text);
      } else {
        const decoded = decodeServerMessage(text);
        if (!decoded.ok) throw new Error(`The room sent what the client refuses: ${decoded.problem}`);
        this.heard.push(decoded.message);
      }
      this.#wake();
    });
  }

  /** `protocols` and `origin` default to those of a well-behaved browser; `ca` is what is trusted, in PEM. */
  static async open(
    url: string,
    roomId: string,
    options: { origin?: string | null; protocols?: string[]; ca?: string } = {},
  ): Promise<RoomClient> {
    const { ca, origin = url } = options;
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/room`,
      options.protocols ?? ['parley.v1', `room.${roomId}`],
      {
        ...(origin === null ? {} : { origin }),
        ...(ca === undefined ? {} : { ca }),
        perMessageDeflate: false,
      },
    );
    const client = new RoomClient(socket);
    await once(socket, 'open');
    return client;
  }

  send(text: string | Buffer): void {
    this.socket.send(text);
  }

  signal(to: string, data: string): void {
    this.send(encodeMessage({ kind: 'signal', to, data }));
  }

  async join(hello: string, resume?: Resume): Promise<Welcome> {
    const seen = this.heard.filter((message) => message.kind === 'welcome').length;
    this.send(encodeMessage({ kind: 'join', v: 1, hello, ...(resume === undefined ? {} : { resume }) }));
    await this.until(() => this.heard.filter((message) => message.kind === 'welcome').length > seen);
    const welcome = this.heard.findLast((message) => message.kind === 'welcome');
    if (welcome?.kind !== 'welcome') throw new Error('No welcome');
    return welcome;
  }

  /** Resolves when the predicate holds; rejects when the socket closes first or nothing comes of it. */
  async until(predicate: () => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!predicate()) {
      if (this.socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await this.closed;
        throw new Error(`The socket closed: ${code} ${reason}`);
      }
      if (Date.now() > deadline) throw new Error(`Waited in vain; heard ${JSON.stringify(this.heard)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 250);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** A signal there and back shows that everything sent before has arrived. */
  async hears(from: RoomClient, ownId: string, data: string): Promise<void> {
    from.signal(ownId, data);
    await this.until(() => this.heard.some((message) => message.kind === 'signal' && message.data === data));
  }

  end(): void {
    this.socket.terminate();
  }
}
