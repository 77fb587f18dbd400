/** The order in which rounds are measured. */

/** Runs both by turns; who goes first changes from round to round. */
export async function alternate<T>(
  rounds: number,
  ours: () => Promise<T>,
  floor: () => Promise<T>,
): Promise<{ ours: T[]; floor: T[] }> {
  const results = { ours: [] as T[], floor: [] as T[] };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['ours', 'floor'] as const) : (['floor', 'ours'] as const);
    for (const side of order) results[side].push(await (side === 'ours' ? ours() : floor()));
  }
  return results;
}
