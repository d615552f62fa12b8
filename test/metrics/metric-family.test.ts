/**
 * Checks the text format of Prometheus.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MetricFamily, writeFamilies } from '../../src/metrics/metric-family.ts';
import { PROMTOOL_MISSING, promtool } from './promtool.ts';

const GAUGE: MetricFamily = {
  name: 'a_ratio',
  help: 'A line,\nanother one, and a \\.',
  type: 'gauge',
  samples: [
    { labels: {}, value: 0.5 },
    { labels: { name: 'web "1"\n\\' }, value: Number.POSITIVE_INFINITY },
    { labels: { name: 'a', reason: 'b' }, value: Number.NEGATIVE_INFINITY },
    { labels: { name: 'none' }, value: Number.NaN },
  ],
};

const HISTOGRAM: MetricFamily = {
  name: 'a_seconds',
  help: 'Seconds.',
  type: 'histogram',
  samples: [
    {
      labels: { verb: 'get' },
      buckets: [
        { upperBound: 0.1, count: 1 },
        { upperBound: Number.POSITIVE_INFINITY, count: 3 },
      ],
      sum: 4.25,
      count: 3,
    },
  ],
};

test('a family is written with its help, its type and its escaped labels', () => {
  assert.equal(
    writeFamilies([GAUGE, HISTOGRAM]),
    [
      '# HELP a_ratio A line,\\nanother one, and a \\\\.',
      '# TYPE a_ratio gauge',
      'a_ratio 0.5',
      'a_ratio{name="web \\"1\\"\\n\\\\"} +Inf',
      'a_ratio{name="a",reason="b"} -Inf',
      'a_ratio{name="none"} NaN',
      '# HELP a_seconds Seconds.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{verb="get",le="0.1"} 1',
      'a_seconds_bucket{verb="get",le="+Inf"} 3',
      'a_seconds_sum{verb="get"} 4.25',
      'a_seconds_count{verb="get"} 3',
      '',
    ].join('\n'),
  );
});

test('promtool reads the text', { skip: PROMTOOL_MISSING }, () => {
  assert.deepEqual(promtool(['check', 'metrics'], writeFamilies([GAUGE, HISTOGRAM])), { status: 0, output: '' });
});

test('promtool rejects a text with an unescaped label', { skip: PROMTOOL_MISSING }, () => {
  assert.notEqual(promtool(['check', 'metrics'], '# TYPE a gauge\na{b="""} 1\n').status, 0);
});
