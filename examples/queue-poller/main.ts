/**
 * A Fastify service with a queue in PostgreSQL. Every Pod accepts deliveries by `POST /deliveries`; the leader makes them,
 * one after the other.
 *
 * The order of the shutdown matters:
 *
 * 1. Stop polling, so that no new work begins.
 * 2. Finish the current delivery. No other Pod may begin it before.
 * 3. Give the Lease up, so that the next leader begins at once. `elector.stop()` does these three, in this order.
 * 4. Close Fastify. It answers until then, so probes stay healthy and clients are served while the work ends.
 * 5. Close the database, which the requests needed.
 *
 * If Fastify closed first, the probes would fail during the work, and the kubelet would kill the container. If the
 * Lease were given up first, two Pods could make the same delivery.
 *
 * The table is in `schema.sql`. The connection comes from the environment (`PGHOST`, `PGUSER`, …).
 */

import { setTimeout as pause } from 'node:timers/promises';
import fastify from 'fastify';
import { LeaseElector } from 'lease-elector';
import pg from 'pg';

const database = new pg.Pool();
// An idle connection can break. Without a listener the error would end the process.
database.on('error', (error) => console.error('the database:', error.message));

const elector = new LeaseElector({
  lease: 'deliveries',
  onElected: async ({ signal }) => {
    while (!signal.aborted) {
      const delivered = await deliverNext().catch((error) => console.error('the delivery failed:', error));
      if (!delivered) await pause(500, undefined, { signal }).catch(() => undefined);
    }
    console.log('polling has stopped');
  },
});
elector.on('error', (error) => console.error(error));

const server = fastify();
server.get('/healthz', async () => 'ok');
server.post<{ Body: { url: string } }>('/deliveries', async ({ body }, reply) => {
  await database.query('INSERT INTO deliveries (url) VALUES ($1)', [body.url]);
  return reply.code(202).send();
});

process.once('SIGTERM', () => {
  shutDown().then(() => process.exit(0), console.error);
});
console.log(await server.listen({ host: process.env['HOST'] ?? '0.0.0.0', port: Number(process.env['PORT'] ?? 8080) }));
await elector.start();

async function shutDown(): Promise<void> {
  console.log('shutting down');
  await elector.stop();
  console.log('the elector has stopped');
  await server.close();
  console.log('the server is closed');
  await database.end();
}

/** Makes the oldest delivery. Resolves with false when there is none. */
async function deliverNext(): Promise<boolean> {
  const { rows } = await database.query<{ id: number; url: string }>(
    'SELECT id, url FROM deliveries WHERE delivered_at IS NULL ORDER BY id LIMIT 1',
  );
  const [next] = rows;
  if (next === undefined) return false;
  const response = await fetch(next.url, { method: 'POST', signal: AbortSignal.timeout(20_000) });
  if (!response.ok) throw new Error(`${next.url} answered ${response.status}`);
  await database.query('UPDATE deliveries SET delivered_at = now() WHERE id = $1', [next.id]);
  console.log(`delivered ${next.id}`);
  return true;
}
