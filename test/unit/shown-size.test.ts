/** How large pictures are sent: what receivers say, and what senders make of it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCameraSender } from '../../app/call/media/camera-sender.ts';
import { createShownPicture, scaleFor } from '../../app/call/media/shown-size.ts';

const VGA = { width: 640, height: 480 };
const track = (width?: number, height?: number) =>
  ({ kind: 'video', getSettings: () => ({ width, height }) }) as unknown as MediaStreamTrack;

describe('the scale of a picture', () => {
  it.each([
    [VGA, { width: 900, height: 700 }, 1],
    [VGA, { width: 640, height: 480 }, 1],
    // As it is cropped to fit, all of its width is seen.
    [VGA, { width: 600, height: 100 }, 1],
    [VGA, { width: 320, height: 240 }, 1.5],
    [VGA, { width: 278, height: 208 }, 2],
    [{ width: 1920, height: 1080 }, { width: 200, height: 112 }, 8],
    [{ width: 1920, height: 1080 }, { width: 1, height: 1 }, 8],
    [{}, { width: 1, height: 1 }, 1],
  ])('of %o shown at %o is %d', (captured, shown, scale) => {
    expect(scaleFor(captured, shown, 1)).toBe(scale);
  });

  it('never sends fewer pixels than are shown, whatever it was before', () => {
    for (let shownWidth = 1; shownWidth <= 1300; shownWidth += 7)
      for (const present of [1, 1.5, 2, 3, 4, 6, 8]) {
        const shown = { width: shownWidth, height: Math.ceil(shownWidth * 0.75) };
        const scale = scaleFor({ width: 1280, height: 960 }, shown, present);
        if (scale > 1) expect(1280 / scale).toBeGreaterThanOrEqual(shownWidth);
      }
  });

  it('comes to rest, though the shape of a scaled picture is rounded and its tile moves with it', () => {
    for (let shownWidth = 1; shownWidth <= 1300; shownWidth += 1) {
      let scale = 1;
      const scales = Array.from({ length: 20 }, () => {
        const width = shownWidth * (1 + 0.05 * Math.sin(scale * 7));
        scale = scaleFor({ width: 1280, height: 960 }, { width, height: width * 0.75 }, scale);
        return scale;
      });
      expect(new Set(scales.slice(10)).size, `${shownWidth}: ${scales}`).toBe(1);
    }
  });
});

describe('a picture and its receiver', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is sent whole until something is heard, and is changed a few times a second whatever is said', () => {
    const apply = vi.fn();
    const picture = createShownPicture(apply, new AbortController().signal);
    expect(picture.fit(track(640, 480))).toEqual({ active: true, scale: 1 });
    for (let said = 0; said < 1000; said += 1) {
      picture.shownAt(said % 2 === 0 ? { width: 0, height: 0 } : { width: 100, height: 75 });
      vi.advanceTimersByTime(1);
    }
    expect(apply.mock.calls.length).toBeLessThanOrEqual(4);
    vi.runAllTimers();
    expect(picture.fit(track(640, 480))).toEqual({ active: true, scale: 4 });
    picture.shownAt({ width: 0, height: 0 });
    expect(picture.fit(track(640, 480)).active).toBe(false);
  });

  it('begins at half its size, also where it is shown smaller than that, and is off while nobody sees it', async () => {
    const told: unknown[] = [];
    const sender = {
      track: null,
      getParameters: () => ({ encodings: [{}] }),
      async setParameters({ encodings: [encoding] }: RTCRtpSendParameters) {
        told.push([encoding?.active, encoding?.scaleResolutionDownBy]);
      },
      async replaceTrack() {},
    } as unknown as RTCRtpSender;
    const ending = new AbortController();
    const camera = createCameraSender(sender, ending.signal);
    camera.send(track(640, 480));
    const said = async (size: { width: number; height: number }) => {
      camera.shownAt(size);
      await vi.runAllTimersAsync();
    };
    await said({ width: 400, height: 300 });
    camera.calm();
    await said({ width: 150, height: 112 });
    await said({ width: 0, height: 0 });
    await said({ width: 640, height: 480 });
    // Another camera, of another size.
    await said({ width: 600, height: 337 });
    camera.send(track(1280, 720));
    await said({ width: 600, height: 337 });
    ending.abort();
    await said({ width: 100, height: 75 });
    expect(told).toEqual([
      [true, 2],
      [true, 1],
      [true, 3],
      [false, 3],
      [true, 1],
      [true, 1.5],
    ]);
  });
});
