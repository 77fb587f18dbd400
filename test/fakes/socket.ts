/**
 * A client's WebSocket of which the test plays the network and the server. Delivers only when told to, and never in the
 * middle of the client's own call.
 */
import type { SignalingSocket } from '../../app/call/signaling.ts';

type CloseListener = (event: { readonly code: number }) => void;
type MessageListener = (event: { readonly data: unknown }) => void;

export class FakeSocket implements SignalingSocket {
  readonly url: string;
  readonly protocols: readonly string[];
  /** Frames the client sent, in order, as text. */
  readonly sent: string[] = [];
  /** What the client closed with; null while it has not. */
  closedWith: { readonly code: number | undefined; readonly reason: string | undefined } | null = null;
  readyState = 0;
  readonly #open = new Set<() => void>();
  readonly #message = new Set<MessageListener>();
  readonly #close = new Set<CloseListener>();

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: MessageListener): void;
  addEventListener(type: 'close', listener: CloseListener): void;
  addEventListener(
    ...[type, listener]: ['open', () => void] | ['message', MessageListener] | ['close', CloseListener]
  ): void {
    if (type === 'open') this.#open.add(listener);
    else if (type === 'message') this.#message.add(listener);
    else this.#close.add(listener);
  }

  send(text: string): void {
    if (this.readyState === 0) throw new DOMException('still connecting', 'InvalidStateError');
    if (this.readyState === 1) this.sent.push(text);
  }

  close(code?: number, reason?: string): void {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.closedWith = { code, reason };
  }

  /** The handshake succeeds. */
  accept(): void {
    this.readyState = 1;
    for (const listener of this.#open) listener();
  }

  /** A frame arrives: an object as JSON, anything else as it is. */
  deliver(frame: unknown): void {
    const data = typeof frame === 'object' && frame !== null ? JSON.stringify(frame) : frame;
    for (const listener of this.#message) listener({ data });
  }

  /** The socket is closed from the other side, or broke (1006). */
  drop(code = 1006): void {
    this.readyState = 3;
    for (const listener of this.#close) listener({ code });
  }

  /** The frames sent since the last call, JSON read back. */
  take(): unknown[] {
    return this.sent.splice(0).map((text) => (text.startsWith('{') ? JSON.parse(text) : text));
  }
}

/** Makes fake sockets and keeps them, the latest last. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  /** While set, making a socket throws it. */
  refusal: Error | null = null;

  readonly createSocket = (url: string, protocols: string[]): FakeSocket => {
    if (this.refusal !== null) throw this.refusal;
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };

  /** @throws Error when none was made. */
  get latest(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was made');
    return socket;
  }
}
