// Checks how the report of a mutation run is compared with the list of changes that may survive.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  compare,
  type ListedSurvivor,
  type MutationReport,
  type Outcome,
  outcomeOf,
  type Survivor,
} from '../../tools/mutation/survivors.ts';

const SOURCE = ['function f(a) {', '  if (a > 0) return {', '    b: 1,', '  };', '}'];

/** A report of one file in which `a > 0` became `a >= 0`, and the object an empty one. */
function report(status: string, source: readonly string[] = SOURCE, shift = 0): MutationReport {
  const at = (line: number, column: number) => ({ line: line + shift, column });
  return {
    files: {
      'src/core/f.ts': {
        source: source.join('\n'),
        mutants: [
          {
            mutatorName: 'EqualityOperator',
            replacement: 'a >= 0',
            status,
            location: { start: at(2, 7), end: at(2, 12) },
          },
          { mutatorName: 'ObjectLiteral', replacement: '{}', status, location: { start: at(2, 21), end: at(4, 4) } },
        ],
      },
    },
  };
}

const SURVIVORS = [
  {
    file: 'src/core/f.ts',
    mutator: 'EqualityOperator',
    line: 'if (a > 0) return {',
    original: 'a > 0',
    replacement: 'a >= 0',
  },
  {
    file: 'src/core/f.ts',
    mutator: 'ObjectLiteral',
    line: 'if (a > 0) return {',
    original: '{ b: 1, }',
    replacement: '{}',
  },
];
/** These survived, and nothing ran out of time. */
const only = (survived: readonly Survivor[]): Outcome => ({ survived, timedOut: [] });
const LIST: readonly ListedSurvivor[] = SURVIVORS.map((survivor) => ({ ...survivor, reason: 'a is never 0' }));

test('a survivor is told by what was changed into what, on one line', () => {
  assert.deepEqual(outcomeOf(report('Survived')), only(SURVIVORS));
});

test('a change that no test even runs survives', () => {
  assert.deepEqual(outcomeOf(report('NoCoverage')), only(SURVIVORS));
});

for (const status of ['Killed', 'RuntimeError']) {
  test(`a change does not survive that ends as ${status}`, () => assert.deepEqual(outcomeOf(report(status)), only([])));
}

test('a change that makes the tests run out of time does not survive', () => {
  assert.deepEqual(outcomeOf(report('Timeout')), { survived: [], timedOut: SURVIVORS });
});

test('a listed survivor that ran out of time on a busy machine may stay listed', () => {
  assert.deepEqual(compare({ survived: [], timedOut: SURVIVORS }, LIST), { unlisted: [], outdated: [] });
  assert.deepEqual(compare({ survived: [], timedOut: SURVIVORS }, []), { unlisted: [], outdated: [] });
});

test('a listed survivor is known again when its line has moved', () => {
  const moved = outcomeOf(report('Survived', ['// one', '// two', ...SOURCE], 2));
  assert.deepEqual(compare(moved, LIST), { unlisted: [], outdated: [] });
});

test('a survivor that is not listed is told', () => {
  const [first, second] = SURVIVORS;
  assert.deepEqual(compare(only(SURVIVORS), LIST.slice(0, 1)), { unlisted: [second], outdated: [] });
  assert.deepEqual(compare(only(SURVIVORS), LIST.slice(1)), { unlisted: [first], outdated: [] });
});

test('a listed survivor that is noticed by now is told', () => {
  assert.deepEqual(compare(only([]), LIST), { unlisted: [], outdated: LIST });
});

test('two survivors that look alike need two entries', () => {
  const alike = [...SURVIVORS, ...SURVIVORS];
  assert.deepEqual(compare(only(alike), LIST), { unlisted: SURVIVORS, outdated: [] });
  assert.deepEqual(compare(only(alike), [...LIST, ...LIST]), { unlisted: [], outdated: [] });
});

for (const field of ['file', 'mutator', 'line', 'original', 'replacement'] as const) {
  test(`an entry whose ${field} is another is of another survivor`, () => {
    const [survivor] = SURVIVORS;
    const [listed] = LIST;
    assert.ok(survivor !== undefined && listed !== undefined);
    const other = { ...listed, [field]: 'another' };
    assert.deepEqual(compare(only([survivor]), [other]), { unlisted: [survivor], outdated: [other] });
  });
}

for (const name of ['survivors', 'survivors-parts']) {
  test(`every line in ${name}.json stands in its file, with the text that is changed`, () => {
    const root = new URL('../../', import.meta.url);
    const list: readonly ListedSurvivor[] = JSON.parse(
      readFileSync(new URL(`tools/mutation/${name}.json`, root), 'utf8'),
    );
    assert.ok(list.length > 0);
    for (const { file, line, original, reason } of list) {
      const text = readFileSync(new URL(file, root), 'utf8');
      assert.ok(
        text.split('\n').some((one) => one.trim() === line),
        `${file} no longer has this line: ${line}`,
      );
      assert.ok(text.replaceAll(/\s+/g, ' ').includes(original), `${original} is not in ${file}`);
      assert.ok(reason.length > 20, `no reason: ${line}`);
    }
  });
}
