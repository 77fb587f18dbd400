/** The parts of a call that nobody needs to join it: one file, fetched after the call began. */
export { Chat } from './chat.tsx';
export { ConnectionReport } from './connection-report.tsx';
export { People } from './people.tsx';
export { QrCode } from './qr-code.tsx';
export { ScreenStrip } from './screen-strip.tsx';
export { Shortcuts } from './shortcut-list.tsx';
