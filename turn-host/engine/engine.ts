/**
 * Owns the seam to node-turn 0.0.6: packets of the control plane in, each to its handler, answers out. Nothing outside
 * this folder sees a node-turn object. Must not know sockets, rooms' members or processes, nor what a request is answered.
 */
import type Server from 'node-turn';
import type Message from 'node-turn/lib/message.js';
import type { AnswerSocket } from 'node-turn/lib/transport.js';
import { ipWords } from '../data-path/ip-words.ts';
import { AllocateHandler } from './allocate.ts';
import { AnswerGate } from './answer-gate.ts';
import { addXorAddress, type ErrorCode } from './answers.ts';
import { type Authenticate, createAuthenticator } from './authentication.ts';
import { EngineContext, type EngineOptions } from './context.ts';
import { ClientTransport, type ControlClient, fiveTupleOf } from './control-client.ts';
import { createCorrectedServer } from './corrected-server.ts';
import { GrantHandler } from './grant-requests.ts';
import { RefreshHandler } from './refresh.ts';
import { IncomingMessage, MessageClass, Method } from './stun-message.ts';

/** Much longer than any request that is due: 250 peers to be permitted at once fit. */
const MAX_REQUEST_BYTES = 4096;
const SERVED_METHODS: ReadonlySet<number> = new Set([
  Method.allocate,
  Method.refresh,
  Method.createPermission,
  Method.channelBind,
]);

/** What answers requests and makes grants. Listeners give it packets by `receive`; `stop()` ends it. */
export class TurnEngine {
  readonly #context: EngineContext;
  readonly #server: Server;
  readonly #authenticate: Authenticate;
  readonly #gate: AnswerGate;
  readonly #refresh: RefreshHandler;

  constructor(options: EngineOptions) {
    const { secrets, realm, nonceKey, minPort, maxPort, now } = options;
    const context = new EngineContext(options, ({ fiveTuple }) => {
      delete this.#server.allocations[fiveTuple];
    });
    this.#context = context;
    this.#gate = new AnswerGate(context);
    this.#authenticate = createAuthenticator({
      ...{ secrets, realm, nonceKey, now },
      mayAnswer: (message) => this.#gate.mayAnswer(message),
      refuse: (reply, code) => context.refuse(reply, code),
    });
    const allocate = new AllocateHandler(context);
    const refresh = new RefreshHandler(context);
    const grants = new GrantHandler(context);
    this.#refresh = refresh;
    this.#server = createCorrectedServer(
      { realm, minPort, maxPort },
      {
        binding: answerBinding,
        authorize: (message, done) => this.#authorize(message, done),
        allocate: (message, reply) => allocate.handle(message, reply),
        refresh: (message, reply) => refresh.handle(message, reply),
        createPermission: (message, reply) => grants.createPermission(message, reply),
        channelBind: (message, reply) => grants.channelBind(message, reply),
      },
    );
  }

  /** Allocations in use. */
  get allocations(): number {
    return this.#context.allocations.count;
  }

  /** Ends every allocation. Idempotent. */
  stop(): void {
    const { allocations } = this.#context;
    this.#context.isStopped = true;
    for (const allocation of allocations.all()) {
      allocations.release(allocation);
    }
  }

  /** The client's connection is gone, and with it the 5-tuple of its allocation (RFC 8656 s3.1). */
  disconnected(client: ControlClient): void {
    const { allocations } = this.#context;
    const allocation = allocations.ofClient(client);
    // The same addresses and ports may be another connection's by now.
    if (allocation?.client === client) {
      allocations.release(allocation);
    }
  }

  /** Takes a packet that is no media. Never throws. */
  receive(packet: Buffer, client: ControlClient): void {
    // The guard of last resort: whatever a packet holds, it must not reach the process (RFC 8489 s6.3: discard).
    try {
      if (packet.length > MAX_REQUEST_BYTES) {
        this.#context.count('droppedNoStun');
      } else if (!this.#gate.isVain(packet, client)) {
        this.#read(packet, client);
      }
    } catch (error) {
      this.#context.fault(error, 'a packet was dropped: it could not be handled');
    }
  }

  #read(packet: Buffer, client: ControlClient): void {
    const answers: AnswerSocket = { send: (answer) => this.#gate.send(message, answer) };
    const transport = new ClientTransport(client, fiveTupleOf(client), answers);
    const message = new IncomingMessage(this.#server, transport, client);
    if (!message.read(packet) || message.getAttribute('fingerprint') === false) {
      this.#context.count('droppedNoStun');
    } else if (message.class !== MessageClass.request) {
      // Responses are not for a server; of indications only Send has a meaning here, and that is the data path's.
      this.#context.count('droppedNoRequest');
    } else {
      this.#context.count('requests');
      this.#dispatch(message);
    }
  }

  /** Keeps from node-turn what it would answer wrongly, and hands it the rest. */
  #dispatch(message: IncomingMessage): void {
    const { method } = message;
    if (method === Method.binding) {
      if (message.unknownRequired.length > 0) {
        this.#context.refuseUnknown(message.reply(), message.unknownRequired);
      } else if (this.#gate.mayAnswer(message)) {
        this.#server.emit('message', message);
      }
    } else if (!SERVED_METHODS.has(method)) {
      this.#refuseStranger(message, 400);
    } else if (
      method === Method.allocate ||
      this.#context.allocations.find(message.transport.get5Tuple()) !== undefined
    ) {
      this.#server.emit('message', message);
    } else if (method !== Method.refresh || !this.#refresh.answerFarewell(message)) {
      this.#refuseStranger(message, 437);
    }
  }

  #refuseStranger(message: IncomingMessage, code: ErrorCode): void {
    if (this.#gate.mayAnswer(message)) {
      this.#context.refuse(message.reply(), code);
    }
  }

  #authorize(message: IncomingMessage, done: (error: Error | null, reply: Message) => void): void {
    const { allocations, isStopped } = this.#context;
    if (isStopped) {
      return;
    }
    const reply = message.reply();
    const allocation = allocations.find(message.transport.get5Tuple());
    const authentication = this.#authenticate(message, reply, allocation?.user ?? null);
    if (authentication.outcome !== 'accepted') {
      if (authentication.outcome === 'outlived' && allocation !== undefined) {
        allocations.release(allocation);
      }
      return;
    }
    message.setUser(authentication.user);
    reply.setUser(authentication.user);
    // RFC 8489 s9.2.4, s6.3.1: unknown required attributes are looked at once the request is authenticated.
    if (message.unknownRequired.length > 0) {
      this.#context.refuseUnknown(reply, message.unknownRequired);
    } else if (message.malformed) {
      this.#context.refuse(reply, 400);
    } else {
      done(null, reply);
    }
  }
}

/** RFC 8489 s6.3.1. */
function answerBinding({ client }: IncomingMessage, reply: Message): void {
  addXorAddress(reply, 'xor-mapped-address', ipWords(client.ip), client.port);
  reply.resolve();
}
