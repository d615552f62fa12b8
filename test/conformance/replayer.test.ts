/**
 * The replayer finds every kind of difference: each row changes an answer in one way. A comparison that cannot fail
 * would make conformance.test.ts worthless.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiServer } from '../../src/testing/index.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { problemsOf } from './gaps.ts';
import type { RecordedStep, Recording } from './recording.ts';
import { replay, type StepResult } from './replayer.ts';
import type { Answer, Target, WatchView } from './target.ts';

const UID_1 = '11111111-1111-4111-8111-111111111111';
const UID_2 = '22222222-2222-4222-8222-222222222222';
const JSON_HEADERS = { 'content-type': 'application/json' };

/** Returns the scripted answers in their order, and ignores the requests. */
class ScriptedTarget implements Target {
  readonly clock: ManualClock = new ManualClock('2026-03-01T10:00:00Z');
  readonly server: ApiServer = new ApiServer({ clock: this.clock });
  readonly wire = undefined;
  readonly #answers: Partial<Answer>[];
  readonly #watch: Partial<WatchView>;

  constructor(answers: readonly Partial<Answer>[], watch: Partial<WatchView> = {}) {
    this.#answers = [...answers];
    this.#watch = watch;
  }

  async exchange(): Promise<Answer> {
    const next = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
    return { status: 200, headers: JSON_HEADERS, text: '{}', seconds: 0, ...next };
  }

  async watch(): Promise<WatchView> {
    const head = { status: 200, headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' }, text: '', seconds: 0 };
    return { head, events: [], ended: undefined, close: () => {}, ...this.#watch };
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
  }

  async close(): Promise<void> {}
}

const request = { user: 'admin', method: 'GET', path: '/' } as const;

function get(body: unknown, more: Partial<RecordedStep> = {}): RecordedStep {
  return { id: 'get', request, response: { status: 200, headers: JSON_HEADERS, body }, ...more };
}

async function differencesOf(
  steps: readonly RecordedStep[],
  target: Target,
  more: Partial<Recording> = {},
): Promise<readonly string[]> {
  const results = await replay({ scenario: 's', group: 'g', title: 't', steps, ...more }, target);
  return results.flatMap(({ differences }) => differences);
}

function assertDifferences(actual: readonly string[], expected: RegExp | undefined): void {
  if (expected === undefined) assert.deepEqual(actual, []);
  else assert.match(actual.join('\n'), expected);
}

/** The name, the recorded body, the body of the answer, and the reported difference (none if the bodies are equal). */
const BODIES: readonly (readonly [name: string, recorded: unknown, actual: unknown, reported?: RegExp])[] = [
  ['the same', { a: 1, b: ['x'] }, { b: ['x'], a: 1 }],
  ['another value', { a: 1 }, { a: 2 }, /body\.a: expected 1, got 2/],
  ['another type', { a: 1 }, { a: '1' }, /body\.a: expected 1, got "1"/],
  ['a number for a text', { a: '1' }, { a: 1 }, /body\.a: expected "1", got 1/],
  ['null for a missing field', {}, { a: null }, /body\.a: unexpected null/],
  ['a field too many', { a: 1 }, { a: 1, b: 2 }, /body\.b: unexpected 2/],
  ['a field too few', { a: 1 }, {}, /body\.a: missing/],
  ['an object for null', { a: null }, { a: {} }, /body\.a: expected null/],
  ['managedFields never count', { a: {} }, { a: { managedFields: [] } }],
  ['another order', ['x', 'y'], ['y', 'x'], /body\[0\]/],
  ['an element too many', ['x'], ['x', 'y'], /expected 1 elements, got 2/],
  ['an element too few', ['x', 'y'], ['x'], /expected 2 elements, got 1/],
  ['an object for a list', { a: [] }, { a: {} }, /expected a list/],
  ['a list for an object', { a: {} }, { a: [] }, /expected an object/],
  ['omitted', { a: { $omitted: 'long' } }, { a: [1] }],
  ['omitted, but missing', { a: { $omitted: 'long' } }, {}, /body\.a: missing/],
  ['contains', { $contains: [{ n: 2 }] }, [{ n: 1 }, { n: 2 }]],
  ['contains no such row', { $contains: [{ n: 3 }] }, [{ n: 1 }, { n: 2 }], /no row/],
  ['contains half a row', { $contains: [{ n: 2 }] }, [{ n: 2, m: 1 }], /no row/],
  ['a uid', { uid: '<uid:1>' }, { uid: UID_1 }],
  ['no uid', { uid: '<uid:1>' }, { uid: 'uid-1' }, /body\.uid: expected "<uid:1>"/],
  ['two objects with one uid', ['<uid:1>', '<uid:2>'], [UID_1, UID_1], /should be new/],
  ['one object with two uids', ['<uid:1>', '<uid:1>'], [UID_1, UID_2], /expected "1111/],
  ['one placeholder twice in a text', 'at <rv:1> and <rv:1>', 'at 5 and 6', /differ/],
  ['a time that is due now', '<time:rfc3339:1~+0>', '2026-03-01T10:00:03Z'],
  ['a time that is not due now', '<time:rfc3339:1~+0>', '2026-03-01T10:00:05Z', /away from the expected moment/],
  ['a number of seconds', { exp: '<unixtime:1~+600>' }, { exp: Date.parse('2026-03-01T10:10:00Z') / 1000 }],
  ['a wrong number of seconds', { exp: '<unixtime:1~+600>' }, { exp: 1 }, /away from the expected moment/],
  ['a pattern in a text', 'a.c', 'abc', /expected "a\.c", got "abc"/],
];

for (const [name, recorded, actual, reported] of BODIES) {
  test(`bodies: ${name}`, async () => {
    const target = new ScriptedTarget([{ text: JSON.stringify(actual) }]);
    assertDifferences(await differencesOf([get(recorded)], target), reported);
  });
}

/** The name, the recorded answer, the actual answer, and the reported difference. */
const ANSWERS: readonly (readonly [string, Partial<RecordedStep>, Partial<Answer>, RegExp?])[] = [
  ['another status', {}, { status: 201 }, /status: expected 200, got 201/],
  ['a header missing', {}, { headers: {} }, /content-type: missing/],
  ['a header too many', {}, { headers: { ...JSON_HEADERS, warning: '299' } }, /warning: unexpected/],
  ['another header', {}, { headers: { 'content-type': 'text/plain' } }, /content-type: expected/],
  ['spaces in a header', {}, { headers: { 'content-type': 'Application/JSON' } }],
  ['headers that are not compared', {}, { headers: { ...JSON_HEADERS, 'audit-id': 'x' } }],
  ['no JSON', {}, { text: 'x' }, /not JSON/],
  ['a duration that is too short', { took: [2, 6] }, { seconds: 1 }, /took: 1\.00 s/],
  ['a duration that is too long', { took: [2, 6] }, { seconds: 7 }, /took: 7\.00 s/],
  ['text', { response: { status: 200, headers: JSON_HEADERS, bodyText: 'ok' } }, { text: 'ko' }, /expected "ok"/],
  ['no body', { response: { status: 200, headers: JSON_HEADERS, noBody: true } }, { text: 'x' }, /expected none/],
  [
    'HTTP version',
    { response: { status: 200, headers: JSON_HEADERS, httpVersion: '2.0' } },
    { httpVersion: '1.1' },
    /httpVersion/,
  ],
  [
    'connection',
    { response: { status: 200, headers: JSON_HEADERS, reusedConnection: true } },
    { reusedConnection: false },
    /reusedConnection/,
  ],
];

for (const [name, step, answer, reported] of ANSWERS) {
  test(`answers: ${name}`, async () => {
    assertDifferences(await differencesOf([get({}, step)], new ScriptedTarget([answer])), reported);
  });
}

const ADDED = { type: 'ADDED', object: { n: 1 } };
const CHANGED = { type: 'MODIFIED', object: { n: 2 } };
const BOOKMARK = { type: 'BOOKMARK', object: {} };
const QUIET = { by: 'client' } as const;
const IN_TIME = { by: 'server', afterSeconds: [2, 3] } as const;

/** The name, the read, the watch, and the reported difference. */
const WATCHES: readonly (readonly [string, Partial<RecordedStep>, Partial<WatchView>, RegExp?])[] = [
  ['the same', { events: [ADDED, CHANGED] }, { events: [ADDED, CHANGED] }],
  ['an event missing', { events: [ADDED, CHANGED] }, { events: [ADDED] }, /expected 2 elements, got 1/],
  ['another event', { events: [ADDED] }, { events: [CHANGED] }, /type: expected "ADDED"/],
  ['another order', { events: [ADDED, CHANGED] }, { events: [CHANGED, ADDED] }, /events\[0\]\.type/],
  ['more events than the step reads', { events: [ADDED] }, { events: [ADDED, CHANGED] }],
  [
    'more events than the whole watch has',
    { events: [ADDED], end: QUIET },
    { events: [ADDED, CHANGED] },
    /expected 1 elements/,
  ],
  ['a bookmark', { events: [ADDED], end: QUIET }, { events: [ADDED, BOOKMARK] }, /expected 1 elements/],
  ['an allowed bookmark', { events: [ADDED], end: QUIET, allowExtraBookmarks: true }, { events: [BOOKMARK, ADDED] }],
  [
    'only bookmarks are allowed',
    { events: [ADDED], end: QUIET, allowExtraBookmarks: true },
    { events: [ADDED, CHANGED] },
    /expected 1 elements/,
  ],
  ['ended too soon', { events: [] }, { ended: { afterSeconds: 1, rest: '' } }, /the server ended the stream/],
  ['never ended', { events: [], end: IN_TIME }, {}, /should have ended/],
  ['ended in time', { events: [], end: IN_TIME }, { ended: { afterSeconds: 2, rest: '' } }],
  ['ended late', { events: [], end: IN_TIME }, { ended: { afterSeconds: 4, rest: '' } }, /end: 4\.00 s/],
  ['half a line', { events: [], end: IN_TIME }, { ended: { afterSeconds: 2, rest: '{' } }, /without its newline/],
];

const open: RecordedStep = {
  id: 'open',
  watch: 'w',
  request,
  response: { status: 200, headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' } },
};

for (const [name, read, watch, reported] of WATCHES) {
  test(`watches: ${name}`, async () => {
    const steps = [open, { id: 'read', read: 'w', withinSeconds: 1, ...read }];
    assertDifferences(await differencesOf(steps, new ScriptedTarget([], watch)), reported);
  });
}

test('watches: a stream that is not chunked, and a stream that did not open', async () => {
  const head = { status: 200, headers: JSON_HEADERS, text: '', seconds: 0 };
  assertDifferences(await differencesOf([open], new ScriptedTarget([], { head })), /expected chunked/);
  const steps = [open, { id: 'read', read: 'w', events: [] }];
  const differences = await differencesOf(steps, new ScriptedTarget([], { head: { ...head, status: 403 } }));
  assertDifferences(differences, /status: expected 200, got 403.*the watch w is not open/s);
});

test('resourceVersions must be in the recorded order', async () => {
  const versions = (first: string, second: string): Promise<readonly string[]> =>
    differencesOf(
      [get('<rv:1>'), get('<rv:2>')],
      new ScriptedTarget([{ text: `"${first}"` }, { text: `"${second}"` }]),
      {
        order: ['rv:1 < rv:2'],
      },
    );
  assertDifferences(await versions('9', '10'), undefined);
  assertDifferences(await versions('10', '10'), /rv:1 < rv:2 does not hold \(10, 10\)/);
  assertDifferences(await versions('10', '9'), /does not hold/);
});

test('an exchange that must match eventually is repeated until it matches, within its time', async () => {
  const step = get({ a: 1 }, { eventually: { withinSeconds: 5 } });
  const late = [{ text: '{"a":0}' }, { text: '{"a":0}' }, { text: '{"a":1}' }];
  assertDifferences(await differencesOf([step], new ScriptedTarget(late)), undefined);
  const never = new ScriptedTarget([{ text: '{"a":0}' }]);
  assertDifferences(await differencesOf([step], never), /body\.a/);
  assert.ok(never.clock.nowMs() >= 5000);
});

test('the bindings of a failed attempt are dropped', async () => {
  const step = get({ rv: '<rv:1>', a: 1 }, { eventually: { withinSeconds: 5 } });
  const target = new ScriptedTarget([{ text: '{"rv":"5","a":0}' }, { text: '{"rv":"6","a":1}' }]);
  assertDifferences(await differencesOf([step], target), undefined);
});

test('a token must have the recorded claims', async () => {
  const token = (claims: object): string =>
    [{ alg: 'RS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const step = get('<jwt:1>', { jwt: { of: '1', header: { alg: 'RS256' }, payload: { sub: 'a' } } });
  const judge = (claims: object): Promise<readonly string[]> =>
    differencesOf([step], new ScriptedTarget([{ text: `"${token(claims)}.c2ln"` }]));
  assertDifferences(await judge({ sub: 'a' }), undefined);
  assertDifferences(await judge({ sub: 'b' }), /claims\.sub: expected "a", got "b"/);
});

test('a step fails when an earlier step has not bound its placeholder', async () => {
  const step = get({}, { request: { ...request, path: '/<uid:1>' } });
  assertDifferences(await differencesOf([step], new ScriptedTarget([{}])), /<uid:1> is not bound/);
});

test('a listed gap must differ, and an unlisted step must not', () => {
  const same: StepResult = { step: 'a', differences: [], status: 200 };
  const differs: StepResult = { step: 'a', differences: ['status'], status: 415 };
  const listed = new Map([['a', 415]]);
  assert.deepEqual(problemsOf([same], new Map()), []);
  assert.deepEqual(problemsOf([differs], new Map()), ['a: status']);
  assert.deepEqual(problemsOf([differs], listed), []);
  assert.match(problemsOf([same], listed).join(), /remove it from the list/);
  assert.match(problemsOf([{ ...differs, status: 500 }], listed).join(), /status 415, but answered 500/);
  assert.match(problemsOf([], listed).join(), /unknown/);
});
