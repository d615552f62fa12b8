/**
 * How many writes the embedded API server carries out in a second: PUTs of a Lease through `ApiServer.handle`, without
 * a socket. This bounds the speed of simulations and tests.
 */

import { Bench } from 'tinybench';
import { ApiServer } from '../src/testing/index.ts';
import type { BenchmarkResult } from './benchmark.ts';
import { rounded } from './benchmark.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

/** A server with one Lease and this many watches on it; `write` renews the Lease. */
async function serverWith(watches: number): Promise<{ write: () => Promise<void>; server: ApiServer }> {
  const server = new ApiServer();
  const headers = { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' };
  // Without an owner, so that the garbage collector does nothing.
  const created = await server.handle({
    method: 'POST',
    path: LEASES,
    headers,
    body: JSON.stringify({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'bench' },
      spec: { holderIdentity: 'bench-0', renewTime: '2022-10-18T10:59:58.000000Z', leaseDurationSeconds: 30 },
    }),
  });
  if (created.status !== 201) throw new Error(created.body);
  let lease = JSON.parse(created.body ?? '');
  let events = 0;
  for (let watch = 0; watch < watches; watch += 1) {
    const { stream } = await server.handle({
      method: 'GET',
      path: `${LEASES}?watch=true&fieldSelector=metadata.name%3Dbench`,
      headers,
    });
    stream?.open(
      () => {
        events += 1;
      },
      () => {},
    );
  }
  let second = 0;
  return {
    server,
    async write() {
      // The content always differs: a PUT that changes nothing writes nothing.
      second += 1;
      lease.spec.renewTime = `2022-10-18T10:59:58.${String(second % 1_000_000).padStart(6, '0')}Z`;
      const answer = await server.handle({
        method: 'PUT',
        path: `${LEASES}/bench`,
        headers,
        body: JSON.stringify(lease),
      });
      if (answer.status !== 200 || (watches > 0 && events === 0)) throw new Error(answer.body);
      lease = JSON.parse(answer.body ?? '');
    },
  };
}

/** Measures the writes in a second, in this process. */
export async function measureServer(): Promise<BenchmarkResult> {
  const alone = await serverWith(0);
  const watched = await serverWith(100);
  const bench = new Bench({ time: 2000 }).add('no watch', alone.write).add('100 watches', watched.write);
  await bench.run();
  const rows = bench.tasks.map(({ name, result }) => {
    if (!('throughput' in result)) throw new Error(`"${name}" failed`);
    return {
      'Lease with': name,
      'writes/s': Math.round(result.throughput.mean),
      'ms p50': rounded(result.latency.p50, 3),
    };
  });
  await alone.server.stop();
  await watched.server.stop();
  return { title: 'The embedded API server: Lease writes, in process', rows, notes: [], aims: [], raw: rows };
}
