/**
 * The headers every answer carries. Owns the policy: no inline code, nothing from elsewhere, no frame around the page,
 * and of the browser's powers only those a call needs.
 */

import { secureHeaders } from 'hono/secure-headers';

/** Middleware for all answers but the upgrade, whose headers cannot be changed. */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:', 'blob:'],
    mediaSrc: ["'self'", 'blob:', 'mediastream:'],
    connectSrc: ["'self'"],
    fontSrc: ["'self'"],
    manifestSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  permissionsPolicy: {
    camera: ['self'],
    microphone: ['self'],
    displayCapture: ['self'],
    speakerSelection: ['self'],
    fullscreen: ['self'],
    pictureInPicture: ['self'],
    clipboardWrite: ['self'],
    autoplay: ['self'],
    screenWakeLock: ['self'],
    accelerometer: [],
    bluetooth: [],
    clipboardRead: [],
    gamepad: [],
    geolocation: [],
    gyroscope: [],
    hid: [],
    idleDetection: [],
    localFonts: [],
    magnetometer: [],
    midi: [],
    payment: [],
    publickeyCredentialsGet: [],
    serial: [],
    usb: [],
    xrSpatialTracking: [],
  },
  crossOriginOpenerPolicy: 'same-origin',
  crossOriginEmbedderPolicy: 'require-corp',
  crossOriginResourcePolicy: 'same-origin',
  xContentTypeOptions: 'nosniff',
  referrerPolicy: 'no-referrer',
  strictTransportSecurity: 'max-age=63072000; includeSubDomains',
  xFrameOptions: 'DENY',
});
