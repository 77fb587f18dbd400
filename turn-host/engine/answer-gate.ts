/**
 * Owns which answers leave: those to whoever is not authenticated may go to a forged address, so over UDP they are limited
 * by source and never much larger than what was asked. Must not know what is asked or answered.
 */

import type { EngineContext } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { carriesIntegrity, type IncomingMessage } from './stun-message.ts';

/** What an answer to whoever is not authenticated may be of the question, in octets. */
const MAX_AMPLIFICATION = 2.3;

export class AnswerGate {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Whether a packet need not be looked at: it is unsigned, so that whatever its answer is, it would be kept back. A flood
   * costs a look at its octets then, and no parsing, digest or answer.
   */
  isVain(packet: Buffer, client: ControlClient): boolean {
    if (this.#isOpen(client) || carriesIntegrity(packet)) {
      return false;
    }
    this.#context.count('droppedUnauthenticated');
    return true;
  }

  /** Whether an answer to whoever is not authenticated would leave now; counted as kept back if not, and need not be made. */
  mayAnswer({ client }: IncomingMessage): boolean {
    if (this.#isOpen(client)) {
      return true;
    }
    this.#context.count('droppedUnauthenticated');
    return false;
  }

  send(message: IncomingMessage, answer: Uint8Array): void {
    const { isStopped, options } = this.#context;
    const { client } = message;
    if (isStopped) {
      return;
    }
    if (message.user === null && client.kind === 'datagram') {
      const isTooLarge = answer.length > message.lengthBytes * MAX_AMPLIFICATION;
      if (isTooLarge || !options.unauthenticated.take(client.ip, performance.now())) {
        this.#context.count('droppedUnauthenticated');
        return;
      }
    }
    options.dataPath.sendControl(client, answer);
  }

  #isOpen(client: ControlClient): boolean {
    return (
      client.kind === 'stream' || this.#context.options.unauthenticated.mayTake(client.ip, performance.now())
    );
  }
}
