/**
 * The composition root: gives the state the engine, the link functions and the page, and draws the screens.
 */
import { render } from 'solid-js/web';
import { clearLeftFiles } from './call/files/files.ts';
import { createLocalMedia } from './call/media/local-media.ts';
import { prepareCall } from './call/prepare.ts';
import { createInvitation, formatInvitation, parseInvitation } from './crypto/link.ts';
import { createApp } from './state/app-model.ts';
import { createPageAddress } from './state/page-address.ts';
import { App } from './ui/app.tsx';
import { NAME_WORDS } from './ui/words.ts';

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');

render(() => {
  const model = createApp({
    prepareCall: (secret, password) => prepareCall(secret, password, NAME_WORDS),
    createLocalMedia,
    parseInvitation,
    createInvitation,
    formatInvitation,
    address: createPageAddress(window),
    storage: openStorage(),
  });
  // Says goodbye while there still is a page to say it from.
  window.addEventListener('pagehide', () => model.leave());
  return <App model={model} />;
}, root);
clearLeftFiles();

function openStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
