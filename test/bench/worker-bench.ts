/**
 * The Worker of the bench: the deployed one with rooms that never find a sender too fast, and beside it the least a
 * Durable Object with hibernating sockets can do, which is to send back what it hears.
 */
import { DurableObject } from 'cloudflare:workers';
import type { RoomLimits } from '../../rooms/membership.ts';
import app, { type Env as DeployedEnv, ParleyRoom as DeployedRoom } from '../../worker/index.ts';

interface Env extends DeployedEnv {
  readonly ECHO: DurableObjectNamespace;
}

export class ParleyRoom extends DeployedRoom {
  protected override limits(): RoomLimits {
    return { ...super.limits(), framesPerSecond: 1e9, frameBurst: 1e9 };
  }
}

export class Echo extends DurableObject {
  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
    socket.send(frame);
  }
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith('/echo/')) return app.fetch(request, env, context);
    return env.ECHO.get(env.ECHO.idFromName(pathname)).fetch(request);
  },
} satisfies ExportedHandler<Env>;
