/**
 * Checks the marks of Pods one attempt at a time: what is written, and the outcome of an attempt.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Answer, PodMetadata, PodMetadataPatch } from '../../src/driver/ports.ts';
import { type Marks, PodMark } from '../../src/publishing/pod-mark.ts';
import { FIRST_RECHECK_MS, PodMarks, RECHECK_INTERVAL_MS } from '../../src/publishing/pod-marks.ts';
import type { AttemptOutcome } from '../../src/publishing/publication.ts';
import { failureOf } from '../driver/scripted-ports.ts';
import { COST, LABEL, OTHER, SELF } from './scripted-publisher.ts';

const MARKS: Marks = { leaderLabel: LABEL, podDeletionCost: null };

/** Pods by name. A Pod has its metadata, or it cannot be read or changed. */
class Pods {
  readonly reads: string[] = [];
  readonly patches: PodMetadataPatch[] = [];
  /** Called during each read. */
  reading: () => void = () => undefined;
  readonly #pods = new Map<string, PodMetadata>();
  readonly #broken = new Set<string>();

  add(
    { name, uid }: { readonly name: string; readonly uid: string },
    labels: Record<string, string> = {},
    annotations: Record<string, string> = {},
  ): this {
    this.#pods.set(name, { name, uid, resourceVersion: '1', labels, annotations });
    this.#broken.delete(name);
    return this;
  }

  /** Every request about the Pod of this name fails. */
  break(name: string): this {
    this.#broken.add(name);
    return this;
  }

  readPodMetadata = async (name: string): Promise<Answer<PodMetadata | null>> => {
    this.reads.push(name);
    this.reading();
    return this.#answer(name, this.#pods.get(name) ?? null);
  };

  patchPodMetadata = async ({ name }: PodMetadata, patch: PodMetadataPatch): Promise<Answer<null>> => {
    this.patches.push(patch);
    return this.#answer(name, null);
  };

  createEvent = (): never => assert.fail('no Event is written');

  #answer<Value>(name: string, value: Value): Answer<Value> {
    return this.#broken.has(name) ? { ok: false, failure: failureOf('unavailable', name) } : { ok: true, value };
  }
}

describe('one Pod', () => {
  interface Row {
    readonly rule: string;
    readonly marks?: Marks;
    readonly labels: Record<string, string>;
    readonly isLeader: boolean;
    readonly outcome: AttemptOutcome;
    readonly patches: readonly PodMetadataPatch[];
  }

  const ROWS: readonly Row[] = [
    {
      rule: 'an attempt reports a write when the mark is missing',
      labels: {},
      isLeader: true,
      outcome: 'written',
      patches: [{ labels: { [LABEL]: 'true' }, annotations: {} }],
    },
    {
      rule: 'an attempt reports no change when the mark is there',
      labels: { [LABEL]: 'true' },
      isLeader: true,
      outcome: 'unchanged',
      patches: [],
    },
    {
      rule: 'an attempt neither reads nor writes a label when only the cost is wanted',
      marks: { leaderLabel: null, podDeletionCost: 100 },
      labels: { null: 'gold' },
      isLeader: true,
      outcome: 'written',
      patches: [{ labels: {}, annotations: { [COST]: '100' } }],
    },
    {
      rule: 'an attempt fails with the name of the label when another program uses the label',
      labels: { [LABEL]: 'gold' },
      isLeader: true,
      outcome: failureOf(
        'rejected',
        `Pod "web-0" has the label ${LABEL} with the value "gold" already. Give the option leaderLabel another key`,
      ),
      patches: [],
    },
    {
      rule: 'an attempt reports no change when another program uses the label of a demoted leader',
      labels: { [LABEL]: 'gold' },
      isLeader: false,
      outcome: 'unchanged',
      patches: [],
    },
  ];

  for (const { rule, marks = MARKS, labels, isLeader, outcome, patches } of ROWS) {
    test(rule, async () => {
      const pods = new Pods().add(SELF, labels);
      const mark = new PodMark(pods, marks);
      mark.want(SELF, isLeader);
      assert.deepEqual(await mark.attempt(), outcome);
      assert.deepEqual(pods.patches, patches);
    });
  }

  test('an attempt reads nothing when no state was requested', async () => {
    const pods = new Pods();
    assert.equal(await new PodMark(pods, MARKS).attempt(), 'unchanged');
    assert.deepEqual(pods.reads, []);
  });

  test('an attempt reports no change when the Pod is gone', async () => {
    const mark = new PodMark(new Pods(), MARKS);
    mark.want(SELF, true);
    assert.deepEqual([await mark.attempt(), mark.isPending], ['unchanged', false]);
  });

  test('an attempt reports no change when the wanted state is dropped during the read', async () => {
    const pods = new Pods().add(SELF);
    const mark = new PodMark(pods, MARKS);
    mark.want(SELF, true);
    pods.reading = () => mark.forget();
    assert.deepEqual([await mark.attempt(), mark.isPending, pods.patches], ['unchanged', false, []]);
  });

  test('the same wanted state is written only once', async () => {
    const mark = new PodMark(new Pods().add(SELF), MARKS);
    mark.want(SELF, true);
    await mark.attempt();
    mark.want(SELF, true);
    assert.equal(mark.isPending, false);
  });

  test('the wanted state is pending when a later check fails', async () => {
    const pods = new Pods().add(SELF);
    const mark = new PodMark(pods, MARKS);
    mark.want(SELF, true);
    await mark.attempt();
    pods.break(SELF.name);
    assert.deepEqual([await mark.attempt(), mark.isPending], [failureOf('unavailable', SELF.name), true]);
  });
});

describe('the Pod of this process and the previous leader', () => {
  const LABELLED = { [LABEL]: 'true' };
  const GONE = { name: OTHER.name, uid: 'pod-1-again' };
  const OUTCOMES: readonly (readonly [what: string, pods: Pods, outcome: AttemptOutcome])[] = [
    ['a write when only its own Pod was changed', new Pods().add(SELF).add(GONE), 'written'],
    ['a write when only the other Pod was changed', new Pods().add(SELF, LABELLED).add(OTHER, LABELLED), 'written'],
    ['no change when both are up to date', new Pods().add(SELF, LABELLED).add(OTHER), 'unchanged'],
    [
      'the failure of its own Pod when the other Pod was changed',
      new Pods().add(SELF).add(OTHER, LABELLED).break(SELF.name),
      failureOf('unavailable', SELF.name),
    ],
    [
      'the failure of its own Pod when both fail',
      new Pods().break(SELF.name).break(OTHER.name),
      failureOf('unavailable', SELF.name),
    ],
    [
      'the failure of the other Pod when its own Pod was changed',
      new Pods().add(SELF).break(OTHER.name),
      failureOf('unavailable', OTHER.name),
    ],
  ];

  for (const [what, pods, outcome] of OUTCOMES) {
    test(`an attempt reports ${what}`, async () => {
      const marks = new PodMarks(pods, MARKS, SELF, () => undefined);
      marks.elected(OTHER);
      assert.deepEqual(await marks.attempt(), outcome);
    });
  }

  test('the first check of a term comes soon, and each later check after a minute', async () => {
    const marks = new PodMarks(new Pods().add(SELF), MARKS, SELF, () => undefined);
    assert.equal(marks.recheckAfterMs, null);
    for (let term = 0; term < 2; term += 1) {
      marks.elected(null);
      const pauses: (number | null)[] = [];
      for (let check = 0; check < 3; check += 1) {
        assert.equal(await marks.attempt(), 'written');
        pauses.push(marks.recheckAfterMs);
      }
      assert.deepEqual(pauses, [FIRST_RECHECK_MS, RECHECK_INTERVAL_MS, RECHECK_INTERVAL_MS]);
      marks.demoted();
      await marks.attempt();
      assert.equal(marks.recheckAfterMs, null);
    }
  });

  test('nothing is pending after stop()', () => {
    const marks = new PodMarks(new Pods(), MARKS, SELF, () => undefined);
    marks.elected(OTHER);
    assert.equal(marks.isPending, true);
    marks.stop();
    assert.equal(marks.isPending, false);
  });
});
