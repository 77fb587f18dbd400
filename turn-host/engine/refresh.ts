/**
 * Owns Refresh (RFC 8656 s8.2): making an allocation last, and ending it. Must not know how long one may last at the most.
 */
import type Message from 'node-turn/lib/message.js';
import type { LiveAllocation } from './allocations.ts';
import { accept } from './answers.ts';
import { type EngineContext, FAMILY_IPV4, FAMILY_IPV6 } from './context.ts';
import { Farewells } from './farewells.ts';
import { askedLifetime, grantableLifetime } from './lifetime.ts';
import type { IncomingMessage } from './stun-message.ts';

export class RefreshHandler {
  readonly #context: EngineContext;
  readonly #farewells = new Farewells();

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** node-turn reads two settings that are never set, and ends the allocation. */
  handle(message: IncomingMessage, reply: Message): void {
    const { allocations, options } = this.#context;
    const allocation = this.#context.allocationOf(message, reply);
    if (allocation === null) {
      return;
    }
    if (message.addressFamily !== null && message.addressFamily !== codeOf(allocation)) {
      this.#context.refuse(reply, 443);
      return;
    }
    const nowMs = options.now();
    const asked = askedLifetime(message);
    const lifetime = asked === 0 ? 0 : grantableLifetime(allocation.user, asked, nowMs);
    if (lifetime === 0) {
      const { fiveTuple, user } = allocation;
      this.#farewells.remember(fiveTuple, { transactionId: message.transactionID, user, atMs: nowMs });
      allocations.release(allocation);
    } else {
      allocations.extend(allocation, lifetime);
    }
    reply.addAttribute('lifetime', lifetime);
    accept(reply);
  }

  /** A Refresh of 0 that comes again is answered as before, though its allocation is gone. False when this is none. */
  answerFarewell(message: IncomingMessage): boolean {
    const { realm, now } = this.#context.options;
    const user = this.#farewells.recall(message.transport.get5Tuple(), message.transactionID, now());
    if (user === null || !message.verify(user.username, realm, user.password)) {
      return false;
    }
    const reply = message.reply();
    message.setUser(user);
    reply.setUser(user);
    reply.addAttribute('lifetime', 0);
    accept(reply);
    return true;
  }
}

function codeOf({ family }: LiveAllocation): number {
  return family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
}
