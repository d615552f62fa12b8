/**
 * A nightly run that is caught up. If no Pod led at 02:00, because of a rollout or an outage, the next leader runs the
 * job as soon as it is elected. PostgreSQL stores the night of the last run, so no night is run twice.
 *
 * The tables are in `schema.sql`. The connection comes from the environment (`PGHOST`, `PGUSER`, …).
 */

import { once } from 'node:events';
import { Cron } from 'croner';
import { LeaseElector, type Term } from 'lease-elector';
import pg from 'pg';

const NIGHTLY = '0 2 * * *';
const OPTIONS = { timezone: 'Europe/Oslo' };

const database = new pg.Pool();
// An idle connection can break. Without a listener the error would end the process.
database.on('error', (error) => console.error('the database:', error.message));

const elector = new LeaseElector({
  lease: 'nightly',
  onElected: async (term) => {
    await nightly(); // Catches up.
    const schedule = new Cron(NIGHTLY, OPTIONS, nightly);
    if (!term.signal.aborted) await once(term.signal, 'abort');
    schedule.stop();
  },
});
elector.on('error', (error) => console.error(error));
// After a failure the night stays due: the next night's run or the next leader replaces it.
const nightly = elector.leaderOnly(runWhatIsDue, { onError: (error) => console.error('the run failed:', error) });

process.once('SIGTERM', () => {
  elector
    .stop()
    .then(() => database.end())
    .then(() => process.exit(0), console.error);
});
await elector.start();

async function runWhatIsDue(term: Term): Promise<void> {
  // At exactly 02:00:00 this night also counts.
  const [due] = new Cron(NIGHTLY, OPTIONS).previousRuns(1, new Date(Date.now() + 1_000));
  if (due === undefined) return;
  const connection = await database.connect();
  try {
    // One transaction: the night counts as run only if the work is kept.
    await connection.query('BEGIN');
    const { rowCount } = await connection.query(
      `INSERT INTO nightly_runs AS last (job, ran_for, fence) VALUES ('report', $1, $2)
       ON CONFLICT (job) DO UPDATE SET ran_for = excluded.ran_for, fence = excluded.fence
       WHERE last.ran_for < excluded.ran_for AND last.fence <= excluded.fence`,
      [due, String(term.fencingToken)],
    );
    if (rowCount === 1) await writeReport(connection, due, term);
    await connection.query('COMMIT');
    console.log(rowCount === 1 ? 'ran' : 'nothing is due');
    connection.release();
  } catch (error) {
    connection.release(true); // Closes the connection, which rolls back.
    throw error;
  }
}

async function writeReport(connection: pg.PoolClient, night: Date, term: Term): Promise<void> {
  await connection.query('INSERT INTO reports (night, fence) VALUES ($1, $2)', [night, String(term.fencingToken)]);
}
