/**
 * How loud a microphone is right now. Owns one AudioContext, made at the first question and not before (it costs a
 * thread), and no timer. Borrows the track.
 */
export interface LevelMeter {
  /** Loudness of `track` now, 0 to 1; 0 for null, for silence, and while the browser does not let audio run. */
  level(track: MediaStreamTrack | null): number;
  /** Idempotent; from then on the level is 0. */
  close(): void;
}

/** Samples looked at: 21 ms at 48 kHz. */
const WINDOW = 1024;
/** Full scale of the meter in dBFS: a quiet room, and close and loud speech. */
const FLOOR_DB = -60;
const CEILING_DB = -10;

/** Root mean square of `samples` (-1 to 1) on a decibel scale, as 0 to 1. */
export function loudnessOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  if (sum === 0) return 0;
  const db = 10 * Math.log10(sum / samples.length);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}

interface Tap {
  readonly track: MediaStreamTrack;
  readonly source: MediaStreamAudioSourceNode;
}

export function createLevelMeter(): LevelMeter {
  const samples = new Float32Array(WINDOW);
  let context: AudioContext | null = null;
  let analyser: AnalyserNode | null = null;
  let tap: Tap | null = null;
  let resuming = false;
  let closed = false;

  /** Without a gesture on the page the context stays suspended (autoplay policy); it is asked again once per gesture. */
  function resume(suspended: AudioContext): void {
    if (resuming) return;
    resuming = true;
    const settled = () => {
      resuming = false;
    };
    suspended.resume().then(settled, settled);
  }

  return {
    level(track) {
      if (closed || track === null || track.readyState === 'ended') {
        tap?.source.disconnect();
        tap = null;
        return 0;
      }
      if (context === null || analyser === null) {
        context = new AudioContext();
        analyser = context.createAnalyser();
        analyser.fftSize = WINDOW;
      }
      if (tap?.track !== track) {
        tap?.source.disconnect();
        const source = context.createMediaStreamSource(new MediaStream([track]));
        source.connect(analyser);
        tap = { track, source };
      }
      if (context.state !== 'running') {
        resume(context);
        return 0;
      }
      analyser.getFloatTimeDomainData(samples);
      return loudnessOf(samples);
    },
    close() {
      if (closed) return;
      closed = true;
      tap?.source.disconnect();
      tap = null;
      void context?.close();
      context = null;
      analyser = null;
    },
  };
}
