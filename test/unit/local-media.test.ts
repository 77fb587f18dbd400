import { describe, expect, it } from 'vitest';
import { loudnessOf } from '../../app/call/media/level-meter.ts';
import { constraintsOf, devicesOf, statusOfError } from '../../app/call/media/local-media.ts';

describe('statusOfError', () => {
  it.each([
    ['NotAllowedError', 'blocked'],
    ['SecurityError', 'blocked'],
    ['NotFoundError', 'missing'],
    ['OverconstrainedError', 'missing'],
    ['NotReadableError', 'busy'],
    ['AbortError', 'busy'],
    ['InvalidStateError', 'failed'],
  ])('%s is %s', (name, status) => {
    expect(statusOfError(new DOMException('', name))).toBe(status);
  });

  it('takes anything else for a failure', () => {
    for (const odd of [undefined, null, 'NotAllowedError', { name: 'NotAllowedError' }, new TypeError()]) {
      expect(statusOfError(odd)).toBe('failed');
    }
  });
});

describe('constraintsOf', () => {
  it('asks for a device only when one was chosen', () => {
    expect(constraintsOf('camera', '')).not.toHaveProperty('deviceId');
    expect(constraintsOf('microphone', 'usb')).toMatchObject({
      deviceId: { exact: 'usb' },
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    });
  });
});

describe('devicesOf', () => {
  const device = (kind: MediaDeviceKind, deviceId: string, label = ''): MediaDeviceInfo => ({
    kind,
    deviceId,
    label,
    groupId: '',
    toJSON: () => '',
  });

  it('keeps one kind, without aliases and repetitions', () => {
    const all = [
      device('audioinput', 'default', 'Default - Desk'),
      device('audioinput', 'communications', 'Communications - Desk'),
      device('audioinput', 'desk', 'Desk'),
      device('audioinput', 'desk', 'Desk'),
      device('videoinput', 'desk', 'Camera'),
    ];
    expect(devicesOf(all, 'audioinput')).toEqual([{ deviceId: 'desk', label: 'Desk' }]);
  });
});

describe('loudnessOf', () => {
  it('is 0 for silence, 1 for full scale, and rises between', () => {
    const at = (amplitude: number) => loudnessOf(new Float32Array(1024).fill(amplitude));
    expect(at(0)).toBe(0);
    expect(at(0.0001)).toBe(0);
    expect(at(1)).toBe(1);
    expect(at(0.1)).toBeCloseTo(0.8);
    expect(at(0.01)).toBeCloseTo(0.4);
  });
});
