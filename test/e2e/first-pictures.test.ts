import { expect, it } from 'vitest';
import { useStage } from './stage.ts';

const stage = useStage();

declare global {
  interface Window {
    parleyTestWidths?: number[];
    /** What each sender was told to divide its pictures by, one after the other. */
    parleyTestScales?: Map<RTCRtpSender, unknown[]>;
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
