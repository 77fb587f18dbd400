/** Owns how long an allocation lasts (RFC 8656 s7.2, s8.2). Must not know allocations. */
import type Message from 'node-turn/lib/message.js';
import type User from 'node-turn/lib/user.js';
import { allocationEndMs } from './authentication.ts';

const DEFAULT_LIFETIME_SECONDS = 600;
const MAX_LIFETIME_SECONDS = 3600;

/** LIFETIME as asked for, at most an hour, and ten minutes when absent. 0 stays 0. node-turn reads it under a wrong name. */
export function askedLifetime(message: Message): number {
  const asked = message.getAttribute('lifetime');
  return typeof asked === 'number' ? Math.min(asked, MAX_LIFETIME_SECONDS) : DEFAULT_LIFETIME_SECONDS;
}

/** At least the default, unless the allocation must end before. In seconds. */
export function grantableLifetime(user: User, askedSeconds: number, nowMs: number): number {
  const leftSeconds = Math.ceil((allocationEndMs(user) - nowMs) / 1000);
  return Math.max(0, Math.min(Math.max(askedSeconds, DEFAULT_LIFETIME_SECONDS), leftSeconds));
}
