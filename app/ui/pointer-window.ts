/**
 * The own screen with the others' arrows in a small window that stays above everything (Document Picture-in-Picture), so
 * that whoever shares sees them while looking at what they share. Owns the window; loaded when it is asked for.
 */
import { createEffect, createRoot, createSignal } from 'solid-js';
import type { PointerModel } from '../state/pointer-model.ts';
import type { ScreenModel } from '../state/screen-model.ts';
import { fitBox } from './content-box.ts';
import { aspectOf } from './picture-aspect.ts';
import { createPointerLayer } from './pointer-layer.ts';
import { lookOf } from './pointer-overlay.tsx';

/** Not in the DOM library yet (WICG document-picture-in-picture s3). */
export interface DocumentPictureInPicture {
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const WIDTH_PX = 480;
const ASPECT_BEFORE = 16 / 9;

/**
 * Opens the window and resolves when it is drawn; `closed` is called once when it is gone, however that came about. Rejects
 * with what the browser rejects with; must be called soon after a person's own action. Returns what closes it.
 */
export async function openPointerWindow(
  pip: DocumentPictureInPicture,
  screen: ScreenModel,
  model: PointerModel,
  closed: () => void,
): Promise<() => void> {
  const aspect = screenAspect(screen) ?? ASPECT_BEFORE;
  const small = await pip.requestWindow({ width: WIDTH_PX, height: Math.round(WIDTH_PX / aspect) });
  const page = small.document;
  page.title = 'Your screen';
  page.documentElement.lang = 'en';
  // A copy of the address alone: the same file from the same server, as the policy asks.
  for (const sheet of document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')) {
    const link = page.createElement('link');
    link.rel = 'stylesheet';
    link.href = sheet.href;
    page.head.append(link);
  }
  for (const style of document.querySelectorAll('style')) page.head.append(page.importNode(style, true));

  return createRoot((dispose) => {
    const [size, setSize] = createSignal({ width: small.innerWidth, height: small.innerHeight });
    const [ratio, setRatio] = createSignal(aspect);
    const video = page.createElement('video');
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    const drawing = page.createElement('div');
    drawing.className = 'pointer-drawing';
    page.body.className = 'pointer-window';
    page.body.append(video, drawing);
    video.addEventListener('resize', () => setRatio(aspectOf(video) ?? ASPECT_BEFORE));
    small.addEventListener('resize', () => setSize({ width: small.innerWidth, height: small.innerHeight }));

    const box = () => fitBox(ratio(), size());
    const layer = createPointerLayer(drawing, box, lookOf(model));
    const unwatch = model.watch(null, layer.show);
    const close = () => small.close();
    small.addEventListener(
      'pagehide',
      () => {
        unwatch();
        layer.close();
        video.srcObject = null;
        dispose();
        closed();
      },
      { once: true },
    );
    createEffect(() => {
      const preview = screen.preview();
      video.srcObject = preview;
      // Nothing is shared any more: there is nothing to keep above it.
      if (!preview) close();
    });
    createEffect(() => {
      box();
      layer.moved();
    });
    return close;
  });
}

function screenAspect(screen: ScreenModel): number | null {
  const { width, height } = screen.preview()?.getVideoTracks()[0]?.getSettings() ?? {};
  return width && height ? width / height : null;
}
