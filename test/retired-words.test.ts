/**
 * Checks that retired words are found in names and sentences, and that similar harmless words are not reported.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedFiles, findRetired } from '../tools/retired-words.ts';

const RETIRED: readonly (readonly [text: string, word: string])[] = [
  ['const knownIncumbent = 1;', 'Incumbent'],
  ['// The watch is opened anew.', 'anew'],
  ['// It does so, lest a message is lost.', 'lest'],
  ['// Whoever asks is told.', 'Whoever'],
  ['// A Pod that is none.', 'is none'],
  ['// Reads the own Pod.', 'the own'],
  ['// So many milliseconds without a pulse.', 'So many milliseconds'],
  ['// It leads on without it.', 'leads on'],
  ['// It may not delete the Lease.', 'may not'],
  ['// It does not lead any more.', 'not lead any more'],
];

for (const [text, word] of RETIRED) {
  test(`the check finds "${word}" in "${text}"`, () => {
    assert.deepEqual(
      findRetired(`\n${text}\n`).map((finding) => [finding.line, finding.word]),
      [[2, word]],
    );
  });
}

test('the check finds a phrase that two lines of a comment share, and names the first of them', () => {
  const text = '/**\n * The process reads the\n * own Pod.\n */\n';
  assert.deepEqual(
    findRetired(text).map(({ line, word }) => [line, word]),
    [[2, 'the own']],
  );
});

for (const text of [
  '// `null`: there is none.',
  '// the smallest and the latest',
  '// This process leads on the node of the other.',
  '// If there are any more of them, the list says so.',
  '// A recommendation, and an amendment.',
  "const detail = 'may not be more than 128 bytes';",
  '/spec: Forbidden: pod updates may not change fields other than/',
]) {
  test(`the check accepts "${text}"`, () => {
    assert.deepEqual(findRetired(text), []);
  });
}

test('the check covers sources, tests and documents, but not the history and itself', () => {
  const files = checkedFiles();
  for (const file of ['src/core/election.ts', 'src/lease-elector.ts', 'docs/design.md']) {
    assert.ok(files.includes(file), file);
  }
  for (const file of ['CHANGELOG.md', 'tools/retired-words.ts']) {
    assert.ok(!files.includes(file), file);
  }
});
