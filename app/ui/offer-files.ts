/** Offers files that were chosen or dropped, and says why where that cannot be. */
import type { CallModel } from '../state/app-model.ts';
import type { Chosen } from './dropped-files.ts';

/** Offers what was chosen to the person of the key `to`, or to everybody for null; says so when that cannot be. */
export async function offerFiles(
  model: Pick<CallModel, 'files' | 'notices'>,
  { items, problem }: Chosen,
  to: string | null,
): Promise<void> {
  const refuse = (says: string) => model.notices.post({ says });
  if (problem === 'too-many') refuse('These are too many files to send. Pack them into one first.');
  else if (problem === 'unreadable') refuse('A part of it cannot be read, so nothing was offered.');
  else if (problem === 'empty') refuse('There is no file in it to send.');
  else {
    const outcome = await model.files.send(items, to);
    if (outcome === 'nobody') refuse('Nobody is here to take the file yet.');
    if (outcome === 'not-loaded')
      refuse('The server is away, and what sends files was not fetched yet. Try again in a moment.');
  }
}
