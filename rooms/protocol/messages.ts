/**
 * The four kinds of signalling message (PROTOCOL.md) as discriminated unions. Owns the shapes only; decoding hostile
 * input is decode.ts's.
 */

/** An entry of RTCConfiguration.iceServers (W3C webrtc-pc s4.2.4), as the room hands it out. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/** The claim to a peer id this client was given before its socket was lost. */
export interface Resume {
  readonly peerId: string;
  readonly ticket: string;
}

/** A member as the room knows it: a server-made id and a hello it cannot open. */
export interface MemberInfo {
  readonly id: string;
  readonly hello: string;
}

export type ClientMessage =
  | {
      readonly kind: 'join';
      readonly v: number;
      /** Sealed hello, base64url. */
      readonly hello: string;
      readonly resume?: Resume;
    }
  | {
      readonly kind: 'signal';
      readonly to: string;
      /** Sealed signal, base64url. */
      readonly data: string;
    };

export type ServerMessage =
  | {
      readonly kind: 'welcome';
      readonly peerId: string;
      readonly ticket: string;
      /** Everybody in the room but the receiver, in order of joining. */
      readonly peers: readonly MemberInfo[];
      readonly iceServers: readonly IceServer[];
      /** When the TURN credentials in `iceServers` end: milliseconds since the epoch, by the server's clock. */
      readonly expiresAt: number;
    }
  | { readonly kind: 'peer-joined'; readonly id: string; readonly hello: string }
  | { readonly kind: 'peer-left'; readonly id: string }
  | { readonly kind: 'signal'; readonly from: string; readonly data: string };
