/**
 * Fencing in SQL. Each row stores the fencing token of its last writer, and an UPDATE with a smaller token changes nothing.
 *
 * A process can be paused between any two lines, and its Pod can be force-deleted in that time. Then it writes once
 * more, although it no longer leads. No check in the process can prevent that; the condition in the database does.
 *
 * The tables are in `schema.sql`. The connection comes from the environment (`PGHOST`, `PGUSER`, …).
 */

import { setTimeout as pause } from 'node:timers/promises';
import { LeaseElector, type Term } from 'lease-elector';
import pg from 'pg';

const database = new pg.Pool();
// An idle connection can break. Without a listener the error would end the process.
database.on('error', (error) => console.error('the database:', error.message));

const elector = new LeaseElector({
  lease: 'totals',
  onElected: async (term) => {
    while (!term.signal.aborted) {
      await refreshTotal(term).catch((error) => console.error('the refresh failed:', error));
      await pause(1_000, undefined, { signal: term.signal }).catch(() => undefined);
    }
  },
});
elector.on('error', (error) => console.error(error));

process.once('SIGTERM', () => {
  elector
    .stop()
    .then(() => database.end())
    .then(() => process.exit(0), console.error);
});
await elector.start();

async function refreshTotal({ fencingToken }: Term): Promise<void> {
  const { rows } = await database.query<{ count: string }>('SELECT count(*) FROM orders');
  const { rowCount } = await database.query(
    `UPDATE totals SET value = $2, fence = $1 WHERE name = 'orders' AND fence <= $1`,
    [String(fencingToken), rows[0]?.count],
  );
  console.log(rowCount === 1 ? 'written' : 'refused: a newer leader has written');
}
