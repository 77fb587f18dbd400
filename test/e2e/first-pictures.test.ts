import { expect, it } from 'vitest';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestWidths?: number[];
    /** What each sender was told to divide its pictures by, one after the other. */
    parleyTestScales?: Map<RTCRtpSender, unknown[]>;
    parleyTestLooked?: boolean;
    parleyTestStops?: number;
  }
}

/** Runs in the page before its scripts. */
function noteScales(): void {
  const scales = new Map<RTCRtpSender, unknown[]>();
  window.parleyTestScales = scales;
  const native = RTCRtpSender.prototype.setParameters;
  RTCRtpSender.prototype.setParameters = function (this: RTCRtpSender, parameters, ...more) {
    const told = parameters.encodings.map((encoding) => encoding.scaleResolutionDownBy);
    scales.set(this, [...(scales.get(this) ?? []), ...told.filter((scale) => scale !== undefined)]);
    return native.call(this, parameters, ...more);
  };
}

/** Runs in the page before its scripts: notes every width that a picture on screen has had. */
function noteWidths(): void {
  const widths: number[] = [];
  window.parleyTestWidths = widths;
  document.addEventListener(
    'resize',
    ({ target }) => {
      if (target instanceof HTMLVideoElement && !target.muted) widths.push(target.videoWidth);
    },
    true,
  );
}

it('pictures begin at half their size and grow to all of it, whoever offered', async () => {
  const people = await stage.meet(['Alice', 'Bob'], { init: [noteScales, noteWidths] });
  for (const { page } of people) {
    // The harness's camera delivers 320 by 240.
    await page.waitForFunction(() => window.parleyTestWidths?.at(-1) === 320);
    const widths = await page.evaluate(() => [...new Set(window.parleyTestWidths)]);
    // Where the first picture is painted late, all of it has come by then.
    expect([[160, 320], [320]]).toContainEqual(widths.filter((width) => width > 2));
    const scales = () =>
      page.evaluate(() =>
        (window.parleyTestLinks ?? [])
          .filter(({ pc }) => pc.connectionState === 'connected')
          .flatMap(({ pc }) => pc.getSenders().map((sender) => window.parleyTestScales?.get(sender) ?? [])),
      );
    await expect.poll(scales).toEqual([[], [2, 1], [], []]);
  }
});

/**
 * Runs in the page before its scripts: the browser first says what is in view much later than a picture may go unseen; and
 * how often a sender was told to stop is counted.
 */
function lookLate(): void {
  const Native = window.IntersectionObserver;
  window.IntersectionObserver = class extends Native {
    constructor(hear: IntersectionObserverCallback, options?: IntersectionObserverInit) {
      const late: IntersectionObserverCallback = (entries, self) => {
        hear(entries, self);
        window.parleyTestLooked = true;
      };
      super((entries, self) => setTimeout(() => late(entries, self), 5_000), options);
    }
  };
  window.parleyTestStops = 0;
  const native = RTCRtpSender.prototype.setParameters;
  RTCRtpSender.prototype.setParameters = function (this: RTCRtpSender, parameters, ...more) {
    if (parameters.encodings[0]?.active === false) window.parleyTestStops = (window.parleyTestStops ?? 0) + 1;
    return native.call(this, parameters, ...more);
  };
}

it('a page that cannot say yet whether it is seen stops nobody’s picture', async () => {
  const people = await stage.meet(['Alice', 'Bob'], { init: lookLate });
  for (const { page } of people) await page.waitForFunction(() => window.parleyTestLooked);
  await waitForMedia(people, 1);
  for (const { page } of people) expect(await page.evaluate(() => window.parleyTestStops)).toBe(0);
});
