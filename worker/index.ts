/**
 * The Worker: serves the client and introduces a socket to its room. Owns the origin check, the subprotocols, the
 * answers' headers and the minting of TURN credentials. Knows no member and no message, and logs no room id.
 */

import { Hono } from 'hono';
import type { RoomLimits } from '../rooms/membership.ts';
import { DEFAULT_LIMITS } from '../rooms/membership.ts';
import {
  CLOSE,
  type CloseName,
  ROOM_ID_PATTERN,
  ROOM_PATH,
  ROOM_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
} from '../rooms/protocol/index.ts';
import { type IceGrant, ROOM_ID_HEADER, Room } from '../rooms/room.ts';
import { mintCredential } from '../turn-host/credential.ts';
import { securityHeaders } from './headers.ts';
import { iceServersOf, readSettings, type Settings, type Variables } from './settings.ts';

export interface Env extends Variables {
  readonly ASSETS: Fetcher;
  readonly ROOMS: DurableObjectNamespace;
}

/** A room with this deployment's capacity, ticket key and relay. */
export class ParleyRoom extends Room<Env> {
  private settings: Settings | null = null;

  protected override limits(): RoomLimits {
    return { ...DEFAULT_LIMITS, capacity: this.read().capacity };
  }

  protected override ticketKey(): string {
    return this.read().ticketKey;
  }

  protected override async mintIceServers(peerId: string, nowMs: number): Promise<IceGrant> {
    const settings = this.read();
    const expiresAtSeconds = Math.floor(nowMs / 1000) + settings.credentialTtlSeconds;
    const { turn } = settings;
    const credential = turn === null ? null : await mintCredential(turn.secret, peerId, expiresAtSeconds);
    return { iceServers: iceServersOf(settings, credential), expiresAt: expiresAtSeconds * 1000 };
  }

  private read(): Settings {
    this.settings ??= readSettings(this.env);
    return this.settings;
  }
}

const HASHED_ASSETS = '/assets/';
/** Addresses of the client besides `/`: the same page, whose script chooses the screen. */
const CLIENT_PATHS = ['/about'];

const app = new Hono<{ Bindings: Env }>();

app.use(async (context, next) => {
  // The headers of a 101 are immutable, and no page comes of it.
  if (context.req.path === ROOM_PATH && isUpgrade(context.req.raw)) return await next();
  return await securityHeaders(context, next);
});

app.get(ROOM_PATH, async (context) => {
  const request = context.req.raw;
  let settings: Settings;
  try {
    settings = readSettings(context.env);
  } catch (error) {
    console.error('worker: bad settings:', error instanceof Error ? error.message : 'unknown');
    return context.text('This server is not set up correctly. Its log says what is wrong.', 500);
  }
  const allowed = isAllowedOrigin(request, settings.allowedOrigins);
  if (!isUpgrade(request)) {
    if (!allowed) return context.text('Forbidden.', 403);
    return context.text('This address takes WebSockets only.', 426, { upgrade: 'websocket' });
  }
  if (!allowed) return refuse(request, 'forbidden');
  const roomId = roomIdOf(request);
  if (roomId === null) return refuse(request, 'badMessage');
  const headers = new Headers({ upgrade: 'websocket', [ROOM_ID_HEADER]: roomId });
  const room = context.env.ROOMS.get(context.env.ROOMS.idFromName(roomId));
  return await room.fetch(new Request(new URL(ROOM_PATH, request.url), { headers }));
});

app.get('*', async (context) => {
  const { path, raw } = context.req;
  const asset = CLIENT_PATHS.includes(path) ? new Request(new URL('/', raw.url), raw) : raw;
  const answer = await context.env.ASSETS.fetch(asset);
  if (answer.status === 404) return context.text('There is nothing at this address.', 404);
  const response = new Response(answer.body, answer);
  const immutable = path.startsWith(HASHED_ASSETS) && answer.ok;
  response.headers.set('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  return response;
});

app.notFound((context) => context.text('There is nothing at this address.', 404));

app.onError((error, context) => {
  console.error('worker: a request failed:', error.message);
  return context.text('Something went wrong on the server.', 500);
});

export default app;

function isUpgrade(request: Request): boolean {
  return request.method === 'GET' && request.headers.get('upgrade')?.toLowerCase() === 'websocket';
}

// Exact: a browser cannot forge its Origin, and nothing but a browser needs to get in without one.
function isAllowedOrigin(request: Request, allowed: ReadonlySet<string>): boolean {
  const origin = request.headers.get('origin');
  return origin !== null && (origin === new URL(request.url).origin || allowed.has(origin));
}

function offeredProtocols(request: Request): readonly string[] {
  return (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((value) => value.trim());
}

/** The room a client asks for, or null unless it offers `parley.v1` and one well-formed `room.<id>`. */
function roomIdOf(request: Request): string | null {
  const offered = offeredProtocols(request);
  const [other, ...more] = offered.filter((value) => value !== SUBPROTOCOL);
  if (offered.length !== 2 || other === undefined || more.length > 0) return null;
  if (!other.startsWith(ROOM_SUBPROTOCOL_PREFIX)) return null;
  const roomId = other.slice(ROOM_SUBPROTOCOL_PREFIX.length);
  return ROOM_ID_PATTERN.test(roomId) ? roomId : null;
}

// A browser shows a page no status of a failed upgrade: only a close code tells it why.
function refuse(request: Request, name: CloseName): Response {
  const { code, reason } = CLOSE[name];
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  const headers = new Headers();
  // A browser fails the socket, and hears no code, unless one of the protocols it offered is selected.
  const offered = offeredProtocols(request);
  const selected = offered.includes(SUBPROTOCOL) ? SUBPROTOCOL : offered[0];
  if (selected) headers.set('sec-websocket-protocol', selected);
  return new Response(null, { status: 101, webSocket: client, headers });
}
