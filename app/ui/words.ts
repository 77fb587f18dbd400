/**
 * The sentences for the engine's codes; those about sharing a screen are in `sharing-words.ts`. Owns the words, and nothing
 * else.
 */
import type { LinkProblem } from '../state/app-model.ts';
import type { EndCode, PeerState, Route } from '../state/call-model.ts';
import type { SourceKind, SourceStatus } from '../state/media-model.ts';
import type { CallEvent } from '../state/notices.ts';

export interface Explanation {
  readonly says: string;
  readonly doThis: string;
}

/** What to say of a source that is not simply on or off; null when there is nothing to say. */
export function sourceWords(kind: SourceKind, status: SourceStatus): Explanation | null {
  const it = kind;
  switch (status) {
    case 'off':
    case 'on':
      return null;
    case 'starting':
      return { says: `Waiting for your ${it}.`, doThis: 'Your browser may be asking you to allow it.' };
    case 'blocked':
      return {
        says: `Your browser does not let this page use the ${it}.`,
        doThis: 'Allow it from the icon beside the address, then try again. You can join without it.',
      };
    case 'missing':
      return {
        says: `No ${it} was found.`,
        doThis: `Connect one and try again, or join without it.`,
      };
    case 'busy':
      return {
        says: `Another program is using your ${it}.`,
        doThis: 'Close that program and try again, or join without it.',
      };
    case 'insecure':
      return {
        says: `Browsers give the ${it} only to pages opened over HTTPS.`,
        doThis: 'Open this page with https://. Until then you can join without it.',
      };
    case 'failed':
      return {
        says: `Your ${it} did not start.`,
        doThis: 'Choose another device or try again. You can join without it.',
      };
  }
}

export function linkWords(problem: LinkProblem): string {
  const { code } = problem;
  switch (code) {
    case 'empty':
      return 'Paste the link you were sent.';
    case 'malformed':
      return 'That is not a whole invitation link. Copy it again, up to its very end.';
    case 'key-in-query-or-path':
      return 'This link has its key before the # sign, where servers can read it. Ask for a new link.';
    case 'other-host':
      return 'This link leads to another server:';
  }
}

/** `again`: whether joining again can help. */
export function endWords(code: EndCode): Explanation & { readonly again: boolean } {
  switch (code) {
    case 'left':
      return { says: 'You left the call', doThis: 'Your camera and microphone are off.', again: true };
    case 'room-full':
      return {
        says: 'This call is full',
        doThis: 'Somebody has to leave before you can come in. Try again in a moment.',
        again: true,
      };
    case 'version':
      return {
        says: 'This page is out of date',
        doThis: 'The server was updated. Reload the page, then join again.',
        again: false,
      };
    case 'forbidden':
      return {
        says: 'The server refused this page',
        doThis: 'It accepts calls only from addresses its operator allows. Reload, or ask whoever runs it.',
        again: true,
      };
    case 'bad-message':
      return {
        says: 'The server did not understand this page',
        doThis: 'Reload the page, then join again. If it happens twice, tell whoever runs the server.',
        again: true,
      };
    case 'failed':
      return {
        says: 'This browser could not make the call',
        doThis: 'It may lack WebRTC or have it switched off. Update it, or try another browser.',
        again: true,
      };
    case 'pace':
      return {
        says: 'The server ended this call',
        doThis: 'Your browser answered too slowly or sent too much at once. You can join again.',
        again: true,
      };
  }
}

/** By their number on the wire. */
export const REACTIONS = [
  { emoji: '👍', name: 'Thumbs up' },
  { emoji: '❤️', name: 'Heart' },
  { emoji: '😂', name: 'Laughter' },
  { emoji: '😮', name: 'Surprise' },
  { emoji: '👏', name: 'Applause' },
  { emoji: '🎉', name: 'Party' },
] as const;

export function eventWords({ kind, detail = 0 }: CallEvent): string {
  switch (kind) {
    case 'joined':
      return 'joined';
    case 'left':
      return 'left';
    case 'refused':
      return 'was cut off: this page sent what no honest one sends';
    case 'unreachable':
      return 'cannot be reached';
    case 'reconnecting':
      return 'is reconnecting';
    case 'reconnected':
      return 'is connected again';
    case 'muted':
      return 'is muted';
    case 'unmuted':
      return 'is no longer muted';
    case 'sharing':
      return 'shares a screen';
    case 'not-sharing':
      return 'shares no screen any more';
    case 'server-away':
      return 'The server is away. The call goes on.';
    case 'server-back':
      return 'The server is back.';
    case 'hand-raised':
      return detail > 1 ? `raised a hand, number ${detail} in the queue` : 'raised a hand';
    case 'hand-lowered':
      return 'lowered the hand';
    case 'own-hand-raised':
      return `Your hand is up, number ${detail} in the queue.`;
    case 'own-too-fast':
      return 'Too many at once: that was not sent. Try again in a moment.';
    case 'pointers-off':
      return 'switched pointers off';
    case 'pointers-on':
      return 'lets you point again';
    case 'own-pointing':
      return 'Pointer on: press and drag to draw.';
    case 'own-nothing-to-point-at':
      return 'Nobody shares a screen to point at.';
    case 'reacted':
      return `reacted: ${REACTIONS[detail]?.name ?? ''}`;
  }
}

/** How somebody is reached. */
export function reachWords(state: PeerState, route: Route): string {
  switch (state) {
    case 'connecting':
      return 'Connecting to them';
    case 'connected':
      return { direct: 'Connected directly', relayed: 'Connected through the relay', unknown: 'Connected' }[
        route
      ];
    case 'reconnecting':
      return 'Connection lost, trying again';
    case 'refused':
      return 'Cut off: their page sent what no honest one sends';
    case 'unreachable':
      return 'Cannot be reached';
  }
}

/** One line about somebody: `first`, and what of theirs is off or shown. */
export function presenceWords(
  first: string,
  { microphone, camera, screen }: Record<'microphone' | 'camera' | 'screen', boolean>,
): string {
  const more = [!microphone && 'microphone off', !camera && 'camera off', screen && 'sharing a screen'];
  return [first, ...more.filter(Boolean)].join(', ');
}

/** What of the screens' words the engine must know, so that nobody is called what means somebody else. */
export const NAME_WORDS = { nameless: 'Guest', self: ['You', 'You, muted'] } as const;

/** This person's own name may be empty, and so is that of who is unknown. */
export function nameOr(name: string): string {
  return name.trim() || NAME_WORDS.nameless;
}
