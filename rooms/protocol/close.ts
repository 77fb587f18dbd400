/**
 * Why a room ends a socket: WebSocket close codes (RFC 6455 s7.4.2, the private range) and their stable reasons.
 * Words for people are the client's.
 */
export const CLOSE = {
  badMessage: { code: 4000, reason: 'bad-message' },
  replaced: { code: 4001, reason: 'replaced' },
  forbidden: { code: 4003, reason: 'forbidden' },
  pace: { code: 4008, reason: 'pace' },
  full: { code: 4009, reason: 'full' },
  version: { code: 4010, reason: 'version' },
} as const;

export type CloseName = keyof typeof CLOSE;
