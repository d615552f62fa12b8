/**
 * Replays recordings of simulated clusters through deploy/alerts.yaml: each alert fires in its incidents, and in no
 * other.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PROMTOOL_MISSING, promtool } from '../metrics/promtool.ts';
import { INCIDENTS } from './incidents.ts';
import { Recording } from './recording.ts';
import { alertNames, firedIn, replay, ruleFile } from './replay.ts';

const RUNBOOK = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const RULES = readFileSync(new URL('../../deploy/alerts.yaml', import.meta.url), 'utf8');

test('promtool accepts the rules', { skip: PROMTOOL_MISSING }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-rules-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'rules.yaml'), ruleFile());
  const { status, output } = promtool(['check', 'rules', '--lint=all', '--lint-fatal', join(directory, 'rules.yaml')]);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`SUCCESS: ${alertNames().length} rules found`));
});

describe('an incident fires only its alerts', { concurrency: 2, skip: PROMTOOL_MISSING }, () => {
  for (const { name, fires, happens } of INCIDENTS) {
    test(`${name}: ${fires.join(', ') || 'none'}`, async () => {
      assert.deepEqual(firedIn(await happens()), [...fires].sort());
    });
  }
});

test('each alert fires in at least one incident', () => {
  const fired = new Set(INCIDENTS.flatMap(({ fires }) => fires));
  assert.deepEqual([...fired].sort(), alertNames().sort());
});

test('an alert names the Lease, and the command to run', { skip: PROMTOOL_MISSING }, async () => {
  const recording = await Recording.started();
  for (const process of recording.holder.processes) process.pause();
  await recording.run(600);
  const labels = 'namespace="shop", severity="critical"';
  const answer = replay(recording, [
    {
      expression: 'ALERTS{alertname="LeaseElectorLeaderHangs",alertstate="firing"}',
      atSeconds: recording.nowSeconds,
      samples: [
        { labels: `ALERTS{alertname="LeaseElectorLeaderHangs", alertstate="firing", name="app", ${labels}}`, value: 1 },
      ],
    },
    {
      expression: 'ALERTS{alertname="LeaseNotRenewed",alertstate="firing"}',
      atSeconds: recording.nowSeconds,
      samples: [
        { labels: `ALERTS{alertname="LeaseNotRenewed", alertstate="firing", lease="app", ${labels}}`, value: 1 },
      ],
    },
  ]);
  assert.equal(answer, '');
});

test('the runbook has a section for each alert, which begins with the command', () => {
  const sections = new Map(
    RUNBOOK.split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n')).trim()]),
  );
  for (const alert of alertNames()) {
    assert.match(sections.get(alert) ?? '', /^```sh\nnpx lease-elector explain LEASE -n NAMESPACE\n```\n/, alert);
    assert.ok(RULES.includes(`runbook: docs/runbook.md#${alert.toLowerCase()}\n`), alert);
  }
});
