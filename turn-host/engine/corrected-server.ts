/**
 * Owns the instance of node-turn's server: its dispatch with every handler replaced. It opens no socket and keeps no
 * nonce, credential or permission. Must not know what the handlers do.
 */
import Server from 'node-turn';
import type Allocation from 'node-turn/lib/allocation.js';
import type Message from 'node-turn/lib/message.js';
import { SOFTWARE } from './context.ts';
import { IncomingMessage } from './stun-message.ts';

export type RequestHandler = (message: IncomingMessage, reply: Message) => void;

export interface RequestHandlers {
  readonly binding: RequestHandler;
  /** Calls `done` with the reply once the request is authenticated; else it has answered. */
  readonly authorize: (message: IncomingMessage, done: (error: Error | null, reply: Message) => void) => void;
  readonly allocate: RequestHandler;
  readonly refresh: RequestHandler;
  readonly createPermission: RequestHandler;
  readonly channelBind: RequestHandler;
}

export interface ServerOptions {
  readonly realm: string;
  readonly minPort: number;
  readonly maxPort: number;
}

export function createCorrectedServer(options: ServerOptions, handlers: RequestHandlers): Server {
  const server = new Server({
    ...options,
    listeningIps: [],
    listeningPort: 0,
    relayIps: [],
    authMech: 'long-term',
    debugLevel: 'OFF',
    log: () => undefined,
  });
  server.software = SOFTWARE;
  // Looked up by 5-tuples, which are made of addresses: nothing that objects have of themselves may be found.
  server.allocations = Object.create(null) as Record<string, Allocation>;
  server.removeAllListeners('binding');
  server.on('binding', ours(handlers.binding));
  server.authentification.auth = (message, done) => {
    if (message instanceof IncomingMessage) {
      handlers.authorize(message, done);
    }
  };
  server.allocate.allocate = ours(handlers.allocate);
  server.refresh.refresh = ours(handlers.refresh);
  server.createPermission.createPermission = ours(handlers.createPermission);
  server.channelBind.channelBind = ours(handlers.channelBind);
  return server;
}

/** node-turn hands on what it was given, whose class it does not know. */
function ours(handler: RequestHandler): (message: Message, reply: Message) => void {
  return (message, reply) => {
    if (message instanceof IncomingMessage) {
      handler(message, reply);
    }
  };
}
