/**
 * Frames of a link's control channel, version 1: what the two ends say to each other once their data channel is
 * open. Owns bytes and caps; knows no channel, no key and no peer connection.
 *
 * Layout: version (1 byte), kind (1 byte), body.
 *
 * | kind | frame         | body                                                              |
 * | ---- | ------------- | ----------------------------------------------------------------- |
 * | 1    | `confirm`     | 32 bytes                                                          |
 * | 2    | `description` | 1 byte type (0 offer, 1 answer), SDP in UTF-8                     |
 * | 3    | `candidate`   | JSON array [candidate, sdpMid, sdpMLineIndex, usernameFragment]   |
 * | 4    | `media-state` | 1 byte: bit 0 microphone, bit 1 camera, the rest zero             |
 * | 5    | `bye`         | empty                                                             |
 * | 6    | `screen-state`| 1 byte: bit 0 sharing, bit 1 with sound, bit 2 held, the rest zero |
 * | 7    | `hand`        | 4 bytes, big-endian: stamp of the raised hand, 0 when it is down  |
 * | 8    | `reaction`    | 1 byte: its number in the list below                              |
 * | 9    | `pointer-policy` | 1 byte: 1 when others may point at the own screen, else 0       |
 * | 10   | `shown`       | 1 byte: 0 camera, 1 screen; width and height, each 2 bytes, big-endian |
 *
 * Reactions: 0 thumbs up, 1 heart, 2 laughter, 3 surprise, 4 applause, 5 party. What a peer types never stands for one.
 *
 * An empty `candidate` string is the end of candidates (W3C webrtc-pc s4.8.1.1), so it needs no kind of its own.
 */

import { decodeText, isSdp, readCandidate } from './session-text.ts';

const VERSION = 1;
/** Longest frame, in bytes. */
export const MAX_CONTROL_BYTES = 64 * 1024;
const CONFIRM_TAG_BYTES = 32;
/** Reactions that have a number. */
export const REACTION_COUNT = 6;
export const MAX_HAND_STAMP = 0xffff_ffff;

const KIND = {
  confirm: 1,
  description: 2,
  candidate: 3,
  mediaState: 4,
  bye: 5,
  screenState: 6,
  hand: 7,
  reaction: 8,
  pointerPolicy: 9,
  shown: 10,
} as const;

export type ControlFrame =
  /** Proof of the pair's confirm key: 32 bytes. */
  | { readonly kind: 'confirm'; readonly tag: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'description'; readonly type: 'offer' | 'answer'; readonly sdp: string }
  | {
      readonly kind: 'candidate';
      readonly candidate: string;
      readonly sdpMid: string | null;
      readonly sdpMLineIndex: number | null;
      readonly usernameFragment: string | null;
    }
  | { readonly kind: 'media-state'; readonly microphone: boolean; readonly camera: boolean }
  | { readonly kind: 'bye' }
  /** `held`: the picture stands still because the sharer's browser or system holds it back. */
  | {
      readonly kind: 'screen-state';
      readonly sharing: boolean;
      readonly sound: boolean;
      readonly held: boolean;
    }
  /** 0 to MAX_HAND_STAMP; 0 says that the hand is down. */
  | { readonly kind: 'hand'; readonly stamp: number }
  /** 0 to REACTION_COUNT - 1. */
  | { readonly kind: 'reaction'; readonly reaction: number }
  /** Whether the others may point at the sender's screen. They may until they are told otherwise. */
  | { readonly kind: 'pointer-policy'; readonly allowed: boolean }
  /** How large the sender shows the receiver's picture, in device pixels up to 65,535; 0 x 0 while nobody can see it. */
  | {
      readonly kind: 'shown';
      readonly of: 'camera' | 'screen';
      readonly width: number;
      readonly height: number;
    };

/** Bytes of `frame`. Throws RangeError for a frame that `decodeControl` would refuse. */
export function encodeControl(frame: ControlFrame): Uint8Array<ArrayBuffer> {
  const bytes = encodeBody(frame);
  if (decodeControl(bytes.buffer) === null)
    throw new RangeError(`control frame out of bounds: ${frame.kind}`);
  return bytes;
}

/** The frame in `bytes`, or null for anything that is not exactly one well-formed frame. Never throws. */
export function decodeControl(bytes: ArrayBuffer): ControlFrame | null {
  if (bytes.byteLength < 2 || bytes.byteLength > MAX_CONTROL_BYTES) return null;
  const all = new Uint8Array(bytes);
  if (all[0] !== VERSION) return null;
  const body = all.subarray(2);
  switch (all[1]) {
    case KIND.confirm:
      return body.length === CONFIRM_TAG_BYTES ? { kind: 'confirm', tag: body.slice() } : null;
    case KIND.description:
      return decodeDescription(body);
    case KIND.candidate:
      return decodeCandidate(body);
    case KIND.mediaState: {
      const bits = body[0];
      if (body.length !== 1 || bits === undefined || bits > 3) return null;
      return { kind: 'media-state', microphone: (bits & 1) !== 0, camera: (bits & 2) !== 0 };
    }
    case KIND.bye:
      return body.length === 0 ? { kind: 'bye' } : null;
    case KIND.screenState: {
      const bits = body[0];
      // Of a screen that is not shared there is nothing else to say.
      if (body.length !== 1 || bits === undefined || bits > 7 || (bits > 0 && (bits & 1) === 0)) return null;
      return {
        kind: 'screen-state',
        sharing: (bits & 1) !== 0,
        sound: (bits & 2) !== 0,
        held: (bits & 4) !== 0,
      };
    }
    case KIND.hand:
      return body.length === 4 ? { kind: 'hand', stamp: new DataView(bytes).getUint32(2) } : null;
    case KIND.reaction: {
      const reaction = body[0];
      if (body.length !== 1 || reaction === undefined || reaction >= REACTION_COUNT) return null;
      return { kind: 'reaction', reaction };
    }
    case KIND.pointerPolicy: {
      const bits = body[0];
      if (body.length !== 1 || bits === undefined || bits > 1) return null;
      return { kind: 'pointer-policy', allowed: bits === 1 };
    }
    case KIND.shown: {
      if (body.length !== 5) return null;
      const [of, view] = [body[0] ?? 0, new DataView(bytes, 3)];
      const [width, height] = [view.getUint16(0), view.getUint16(2)];
      // What is shown has both.
      if (of > 1 || (width === 0) !== (height === 0)) return null;
      return { kind: 'shown', of: of === 1 ? 'screen' : 'camera', width, height };
    }
    default:
      return null;
  }
}

function encodeBody(frame: ControlFrame): Uint8Array<ArrayBuffer> {
  switch (frame.kind) {
    case 'confirm':
      return concat(Uint8Array.of(VERSION, KIND.confirm), frame.tag);
    case 'description':
      return concat(
        Uint8Array.of(VERSION, KIND.description, frame.type === 'offer' ? 0 : 1),
        encode(frame.sdp),
      );
    case 'candidate':
      return concat(
        Uint8Array.of(VERSION, KIND.candidate),
        encode(JSON.stringify([frame.candidate, frame.sdpMid, frame.sdpMLineIndex, frame.usernameFragment])),
      );
    case 'media-state':
      return Uint8Array.of(VERSION, KIND.mediaState, (frame.microphone ? 1 : 0) | (frame.camera ? 2 : 0));
    case 'bye':
      return Uint8Array.of(VERSION, KIND.bye);
    case 'screen-state':
      return Uint8Array.of(
        VERSION,
        KIND.screenState,
        (frame.sharing ? 1 : 0) | (frame.sound ? 2 : 0) | (frame.held ? 4 : 0),
      );
    case 'hand': {
      const bytes = Uint8Array.of(VERSION, KIND.hand, 0, 0, 0, 0);
      new DataView(bytes.buffer).setUint32(2, frame.stamp);
      return bytes;
    }
    case 'reaction':
      return Uint8Array.of(VERSION, KIND.reaction, frame.reaction);
    case 'pointer-policy':
      return Uint8Array.of(VERSION, KIND.pointerPolicy, frame.allowed ? 1 : 0);
    case 'shown': {
      const bytes = Uint8Array.of(VERSION, KIND.shown, frame.of === 'screen' ? 1 : 0, 0, 0, 0, 0);
      const view = new DataView(bytes.buffer, 3);
      view.setUint16(0, frame.width);
      view.setUint16(2, frame.height);
      return bytes;
    }
  }
}

function decodeDescription(body: Uint8Array): ControlFrame | null {
  const type = body[0] === 0 ? 'offer' : body[0] === 1 ? 'answer' : null;
  const sdp = decodeText(body.subarray(1));
  if (type === null || sdp === null || !isSdp(sdp)) return null;
  return { kind: 'description', type, sdp };
}

function decodeCandidate(body: Uint8Array): ControlFrame | null {
  const text = decodeText(body);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const candidate = readCandidate(value);
  return candidate && { kind: 'candidate', ...candidate };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
