/** What there is to say of the own screen while it is shared, and why it could not be. */
import type { ScreenProblem, ScreenSurface, SharingView } from '../state/screen-model.ts';
import type { Explanation } from './words.ts';

/** `again`: whether asking again can help. */
export function screenProblemWords(problem: ScreenProblem): Explanation & { readonly again: boolean } {
  switch (problem) {
    case 'unsupported':
      return {
        says: 'This browser cannot share a screen.',
        doThis: 'Phones and tablets do not offer it to web pages. Join from a computer to share yours.',
        again: false,
      };
    case 'insecure':
      return {
        says: 'Browsers share a screen only from pages opened over HTTPS.',
        doThis: 'Open this page with https://.',
        again: false,
      };
    case 'refused':
      return {
        says: 'Nothing is shared.',
        doThis: 'The choice was cancelled, or your browser does not let this page share a screen.',
        again: true,
      };
    case 'system':
      return {
        says: 'Your system does not hand out the screen.',
        doThis: 'Allow your browser to record the screen in the system’s privacy settings, then try again.',
        again: true,
      };
    case 'nothing':
      return { says: 'There is no screen to share.', doThis: 'Your browser found none.', again: true };
    case 'failed':
      return {
        says: 'Sharing did not start.',
        doThis: 'Try again, or choose another window or screen.',
        again: true,
      };
  }
}

const SURFACE: Record<ScreenSurface, string> = {
  monitor: 'your whole screen, with everything that opens on it',
  window: 'one window of yours',
  browser: 'one browser tab of yours',
  unknown: 'what you chose to share',
};

export function sharingWords({ surface, sound, ownTab, held }: SharingView): string {
  if (ownTab)
    return 'You are sharing this call itself: the others see it within itself, again and again. Share another tab or window instead.';
  const heard = sound ? ', and hear its sound' : '';
  const still = held ? ' Your browser holds the picture back for now: they see the last one.' : '';
  return `The others see ${SURFACE[surface]}${heard}.${still}`;
}
