/** The signalling contract as one import: shapes, limits, close codes and the decoder. */

export * from './close.ts';
export * from './decode.ts';
export * from './limits.ts';
export type * from './messages.ts';
