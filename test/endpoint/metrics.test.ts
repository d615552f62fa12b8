/**
 * Checks `GET /metrics` over a real socket, with the requests that the elector really sent.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../integration/cluster.ts';
import { PROMTOOL_MISSING, promtool } from '../metrics/promtool.ts';
import { until } from '../worlds/until.ts';
import { ask } from './raw-client.ts';

test('GET /metrics answers with the metrics of the elector', async (t) => {
  delete process.env['ELECTOR_PATH'];
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { endpoint: { port: 0 }, exportEnv: true });
  await elector.start();
  await until('the leader has renewed', () => elector.leader?.renewTimeAgeMs != null);
  const port = Number(process.env['ELECTOR_PATH']?.replace('localhost:', ''));
  const answer = await ask(t, port, 'GET /metrics HTTP/1.1');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /\r\nContent-Type: text\/plain; version=0\.0\.4; charset=utf-8\r\n/);
  const text = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  assert.equal(value('leader_election_master_status{name="web"}'), 1);
  assert.equal(value('lease_elector_requests_total{name="web",verb="create",resource="leases",code="201"}'), 1);
  assert.equal(value('lease_elector_requests_total{name="web",verb="watch",resource="leases",code="200"}'), 1);
  assert.equal(value('lease_elector_request_seconds_count{name="web",verb="create"}'), 1);
  assert.ok(value('lease_elector_request_seconds_sum{name="web",verb="create"}') > 0);
  assert.ok(value('lease_elector_requests_total{name="web",verb="update",resource="leases",code="200"}') >= 1);
  for (const [, code, count] of text.matchAll(/^lease_elector_requests_total\{.*code="(\w+)"\} (\d+)$/gm)) {
    if (Number(code) >= 400 || code === 'error') assert.equal(count, '0', `no request failed, but ${code}`);
  }
  if (PROMTOOL_MISSING === false) assert.deepEqual(promtool(['check', 'metrics'], text), { status: 0, output: '' });
  else t.diagnostic(PROMTOOL_MISSING);
});

test('stop() causes no failed request in the metrics', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'));
  await elector.start();
  await elector.stop({ release: true });
  for (const [, code, count] of elector.metrics().matchAll(/requests_total\{.*code="(\w+)"\} (\d+)$/gm)) {
    if (code === 'error') assert.equal(count, '0');
  }
});
