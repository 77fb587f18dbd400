/**
 * A server that lies: stands between browsers and the real one, passes pages through untouched and lets a test rewrite,
 * repeat, hold back or invent what the room says. Speaks the room's four messages and knows no key, like a real liar.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { decodeServerMessage } from '../../rooms/protocol/decode.ts';
import type { ServerMessage } from '../../rooms/protocol/messages.ts';

/** What to say instead of `message`, in order; `victim` numbers the browsers by arrival. */
export type Lie = (message: ServerMessage, victim: number) => readonly ServerMessage[];

export interface LyingServer {
  readonly url: string;
  /** Replaces the lie; null tells the truth. */
  lie(lie: Lie | null): void;
  /** Says something nobody asked for to every browser. */
  invent(messages: (victim: number) => readonly ServerMessage[]): void;
  /** Ends every browser's socket, with the room hearing of it or not, and takes no other until told so. */
  setAway(away: 'heard' | 'unheard' | false): void;
  /** Whether what a browser signals waits until the room has said a signal to it: who speaks first is then always late. */
  setLate(late: boolean): void;
  /** Everything the real room said so far, by browser. */
  heard(victim: number): readonly ServerMessage[];
  close(): Promise<void>;
}

export async function startLyingServer(truth: string): Promise<LyingServer> {
  const target = new URL(truth);
  const victims: { socket: WebSocket; heard: ServerMessage[] }[] = [];
  let lie: Lie | null = null;
  let away: 'heard' | 'unheard' | false = false;
  let late = false;

  const http = createServer((incoming, response) => {
    const forwarded = request(
      {
        host: target.hostname,
        port: target.port,
        path: incoming.url,
        headers: { ...incoming.headers, host: target.host },
        // A socket kept for the next request may be one that the server is just closing.
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => response.destroy());
    incoming.pipe(forwarded);
  });
  const sockets = new WebSocketServer({
    server: http,
    verifyClient: () => away === false,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });

  sockets.on('connection', (browser, upgrade) => {
    const protocols = (upgrade.headers['sec-websocket-protocol'] ?? '').split(/, */);
    const room = new WebSocket(new URL(upgrade.url ?? '/', target), protocols, { origin: target.origin });
    const victim = victims.push({ socket: browser, heard: [] }) - 1;
    const waiting: string[] = [];
    const held: string[] = [];
    browser.on('message', (data: RawData) => {
      const frame = String(data);
      const spoken = victims[victim]?.heard.some(({ kind }) => kind === 'signal');
      if (late && !spoken && frame.startsWith('{"kind":"signal"')) held.push(frame);
      else if (room.readyState === WebSocket.OPEN) room.send(frame);
      else waiting.push(frame);
    });
    room.on('open', () => {
      for (const frame of waiting) room.send(frame);
    });
    room.on('message', (data: RawData) => {
      const decoded = decodeServerMessage(String(data));
      if (!decoded.ok) {
        browser.send(String(data));
        return;
      }
      victims[victim]?.heard.push(decoded.message);
      if (decoded.message.kind === 'signal') for (const frame of held.splice(0)) room.send(frame);
      for (const message of lie ? lie(decoded.message, victim) : [decoded.message]) say(browser, message);
    });
    room.on('error', () => browser.terminate());
    room.on('close', () => browser.close());
    browser.on('close', () => {
      if (away !== 'unheard') room.terminate();
    });
  });

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    lie(next) {
      lie = next;
    },
    invent(messages) {
      victims.forEach(({ socket }, victim) => {
        for (const message of messages(victim)) say(socket, message);
      });
    },
    setLate(next) {
      late = next;
    },
    setAway(next) {
      away = next;
      if (away !== false) for (const { socket } of victims) socket.terminate();
    },
    heard: (victim) => victims[victim]?.heard ?? [],
    async close() {
      for (const { socket } of victims) socket.terminate();
      sockets.close();
      await new Promise((resolve) => {
        http.close(resolve);
        http.closeAllConnections();
      });
    },
  };
}

function say(socket: WebSocket, message: ServerMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
