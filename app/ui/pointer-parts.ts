/** What is fetched for pointers, in one piece: in mid-call the server may be away. */
export { default as PointerOverlay } from './pointer-overlay.tsx';
export { openPointerWindow } from './pointer-window.ts';
