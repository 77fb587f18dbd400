/**
 * What a page sends and receives over WebSockets, as the browser's own debugger reports it. Owns the counting; knows
 * nothing of what the frames mean but the two words that the runtime answers by itself.
 */
import type { Page } from 'playwright-core';
import { PING, PONG } from '../../rooms/protocol/limits.ts';

interface FrameReport {
  readonly direction: 'sent' | 'received';
  /** Bytes of the payload in UTF-8. */
  readonly bytes: number;
  readonly isPing: boolean;
  /** The `kind` of a message of the room; empty for anything else. */
  readonly kind: string;
}

export interface SocketTraffic {
  readonly frames: readonly FrameReport[];
  /** Bytes of the upgrade's request and answer, as HTTP/1.1 text. */
  handshakeBytes(): number;
}

/** Starts counting; call it before the page opens its socket. */
export async function watchSockets(page: Page): Promise<SocketTraffic> {
  const frames: FrameReport[] = [];
  let handshake = 0;
  const note = (direction: FrameReport['direction'], payload: string) => {
    frames.push({
      direction,
      bytes: Buffer.byteLength(payload),
      isPing: payload === PING || payload === PONG,
      kind: /^\{"kind":"([a-z-]+)"/.exec(payload)?.[1] ?? '',
    });
  };
  const headerBytes = (headers: Record<string, string>) =>
    Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);

  const session = await page.context().newCDPSession(page);
  session.on('Network.webSocketFrameSent', ({ response }) => note('sent', response.payloadData));
  session.on('Network.webSocketFrameReceived', ({ response }) => note('received', response.payloadData));
  session.on('Network.webSocketWillSendHandshakeRequest', ({ request }) => {
    handshake += headerBytes(request.headers);
  });
  session.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
    handshake += headerBytes(response.headers);
  });
  await session.send('Network.enable');
  return { frames, handshakeBytes: () => handshake };
}

/** Payload bytes of all messages but pings, both directions. */
export function messageBytes(traffic: SocketTraffic): number {
  return traffic.frames.reduce((sum, { bytes, isPing }) => (isPing ? sum : sum + bytes), 0);
}
