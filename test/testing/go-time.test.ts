import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime, normalizeMicroTime, normalizeTime, TimeSyntaxError } from '../../src/testing/objects/go-time.ts';

const LAYOUT = '"2006-01-02T15:04:05.000000Z07:00"';

/** Fact 7: exactly six digits, nothing is cut or rounded. */
const ACCEPTED: readonly (readonly [given: string, kept: string | null])[] = [
  ['2026-03-01T10:00:00.123456Z', '2026-03-01T10:00:00.123456Z'],
  ['2026-03-01T12:00:00.123456+02:00', '2026-03-01T10:00:00.123456Z'],
  ['2026-03-01T10:00:00,123456Z', '2026-03-01T10:00:00.123456Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ['0001-01-01T00:00:00.000000Z', null],
];

for (const [given, kept] of ACCEPTED) {
  test(`fact 7: MicroTime ${given} is kept as ${kept}`, () => {
    assert.equal(normalizeMicroTime(given), kept);
  });
}

const REFUSED: readonly (readonly [given: string, message: string])[] = [
  ['2026-03-01T10:00:00Z', `as ${LAYOUT}: cannot parse "Z" as ".000000"`],
  ['2026-03-01T10:00:00.123Z', `as ${LAYOUT}: cannot parse ".123Z" as ".000000"`],
  ['2026-03-01T10:00:00.123456789Z', `as ${LAYOUT}: cannot parse "789Z" as "Z07:00"`],
  ['2026-03-01T10:00:00.123456z', `as ${LAYOUT}: cannot parse "z" as "Z07:00"`],
  ['2026-03-01', `as ${LAYOUT}: cannot parse "" as "T"`],
  ['now', `as ${LAYOUT}: cannot parse "now" as "2006"`],
  ['2026-02-30T10:00:00.000000Z', ': day out of range'],
  ['2026-03-01T10:00:60.000000Z', ': second out of range'],
  ['2026-13-01T10:00:00.000000Z', ': month out of range'],
];

for (const [given, message] of REFUSED) {
  test(`fact 7: MicroTime ${given} is refused`, () => {
    const expected = `parsing time ${JSON.stringify(given)}${message.startsWith(':') ? '' : ' '}${message}`;
    assert.throws(() => normalizeMicroTime(given), new TimeSyntaxError(expected));
  });
}

test('fact 7: a Time may have a fraction, which is dropped', () => {
  assert.equal(normalizeTime('2026-03-01T10:00:00.123Z'), '2026-03-01T10:00:00Z');
});

test('formatTime writes whole seconds', () => {
  assert.equal(formatTime(Date.parse('2026-03-01T10:00:00.999Z')), '2026-03-01T10:00:00Z');
});
