/**
 * Owns CreatePermission and ChannelBind (RFC 8656 s10.2, s12.2): reading the peers that they name, asking the policy,
 * telling the flow. Must not know what a policy lets through or how a grant is kept.
 */
import Address from 'node-turn/lib/address.js';
import type Message from 'node-turn/lib/message.js';
import type { Grant } from '../data-path/grants.ts';
import type { PeerPolicy } from '../policy/peer-policy.ts';
import type { LiveAllocation } from './allocations.ts';
import { accept, type ErrorCode } from './answers.ts';
import { type EngineContext, FAMILY_IPV4 } from './context.ts';
import type { IncomingMessage } from './stun-message.ts';

/** RFC 8656 s9: five minutes. RFC 8656 s12: ten. */
const PERMISSION_LIFETIME_MS = 300_000;
const CHANNEL_LIFETIME_MS = 600_000;
/** RFC 8656 s12 narrows the range to 0x4FFF; older clients go on to 0x7FFE (RFC 5766 s11). */
const LEAST_CHANNEL = 0x4000;
const GREATEST_CHANNEL = 0x7ffe;

export class GrantHandler {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** node-turn permits every address. */
  createPermission(message: IncomingMessage, reply: Message): void {
    const allocation = this.#context.allocationOf(message, reply);
    if (allocation === null) {
      return;
    }
    const { policy, now } = this.#context.options;
    const peers = message.getAttributes('xor-peer-address').filter((peer) => peer instanceof Address);
    if (peers.length === 0) {
      this.#context.refuse(reply, 400);
      return;
    }
    for (const peer of peers) {
      const fault = this.#faultOfPeer(allocation, peer, (request) => policy.mayPermit(request));
      if (fault !== null) {
        this.#context.refuse(reply, fault);
        return;
      }
    }
    const ips = peers.map((peer) => peer.address);
    this.#answer(allocation.flow.permit(ips, now() + PERMISSION_LIFETIME_MS), reply);
  }

  /** node-turn's answer is unsigned, so no client believes it. */
  channelBind(message: IncomingMessage, reply: Message): void {
    const allocation = this.#context.allocationOf(message, reply);
    if (allocation === null) {
      return;
    }
    const number = message.getAttribute('channel-number');
    const peer = message.getAttribute('xor-peer-address');
    if (typeof number !== 'number' || number < LEAST_CHANNEL || number > GREATEST_CHANNEL) {
      this.#context.refuse(reply, 400);
      return;
    }
    if (!(peer instanceof Address)) {
      this.#context.refuse(reply, 400);
      return;
    }
    const { policy, now } = this.#context.options;
    const fault = this.#faultOfPeer(allocation, peer, (request) => policy.mayBind(request));
    if (fault !== null) {
      this.#context.refuse(reply, fault);
      return;
    }
    const { flow } = allocation;
    const nowMs = now();
    const bound = flow.bind(number, peer.address, peer.port, nowMs + CHANNEL_LIFETIME_MS);
    // s12: the permission comes with the channel. Without one the channel carries nothing.
    const isBound = bound === 'granted';
    this.#answer(isBound ? flow.permit([peer.address], nowMs + PERMISSION_LIFETIME_MS) : bound, reply);
  }

  /** 403 for a special address whatever its family, 443 for the other family (s10.2), 403 for what the policy refuses. */
  #faultOfPeer(
    { flow, family, room }: LiveAllocation,
    { address: ip, port, family: peerFamily }: Address,
    isAllowed: PeerPolicy['mayBind'],
  ): ErrorCode | null {
    if ((peerFamily === FAMILY_IPV4 ? 4 : 6) !== family) {
      return this.#context.options.policy.isSpecial(ip) ? 403 : 443;
    }
    return isAllowed({ ip, port, room, isPermitted: flow.isPermitted(ip) }) ? null : 403;
  }

  #answer(grant: Grant, reply: Message): void {
    if (grant === 'granted') {
      accept(reply);
    } else {
      this.#context.refuse(reply, grant === 'conflict' ? 400 : 508);
    }
  }
}
