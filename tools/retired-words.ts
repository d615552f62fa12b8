/**
 * Checks that retired words stay out of the project: names that are not those of Kubernetes or raft, and old or ambiguous
 * English. `npm run lint` runs it. It prints each place, the word, and what to write instead.
 *
 * A folder in `NOT_YET` is not checked. The list only gets shorter.
 */

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.join(import.meta.dirname, '..');

/** The checked files. */
const CHECKED = ['{src,test,demo,bench,tools,examples}/**/*.{ts,js,mjs,md,txt}', '*.md', 'docs/**/*.md'];

/**
 * The changelog names what it renamed, the recordings are answers of a server, and two files contain the list.
 */
const EXEMPT = ['CHANGELOG.md', 'test/conformance/recordings', 'tools/retired-words.ts', 'test/retired-words.test.ts'];

/** Folders and files that are not yet rewritten: none. */
const NOT_YET: readonly string[] = [];

interface Retired {
  /** Without regard to case. */
  readonly word: RegExp;
  readonly instead: string;
}

/** Names. They are also found as parts of identifiers. */
const NAMES: readonly Retired[] = [
  { word: /incumbents?/, instead: 'holder' },
  { word: /\bpursu(e|es|ed|ing)\b/, instead: 'advance' },
  { word: /befall(s|en|ing)?|befell/, instead: 'apply to, affect' },
  { word: /chronicles?/, instead: 'event log' },
  { word: /tidings/, instead: 'report, fact' },
  { word: /census/, instead: 'statistics' },
  { word: /hearsay/, instead: 'unverified fact' },
  { word: /unawares/, instead: 'outcome unknown' },
  { word: /leaveOffice/, instead: 'finishLeaving' },
  { word: /lookAgain/, instead: 'resync' },
  { word: /idlest/, instead: 'least recently used' },
  { word: /claimants?/, instead: 'listener' },
  { word: /unmark(ing|ed)?/, instead: 'withdraw the release' },
  { word: /mishaps?/, instead: 'fault' },
];

/** English. */
const ENGLISH: readonly Retired[] = [
  { word: /\banew\b/, instead: 'again' },
  { word: /\bmend(s|ed|ing)?\b/, instead: 'fix, repair' },
  { word: /\blest\b/, instead: 'so that … not' },
  { word: /\bmeanwhile\b/, instead: 'in the meantime, or name the moment' },
  { word: /\bwhoever\b/, instead: 'a noun: the process, the client, the caller' },
  { word: /(?<!\bthere )\bis none\b/, instead: 'is not a …, does not exist' },
  { word: /\bso many (milliseconds|seconds|bytes|tries|attempts|pulses|of)\b/, instead: 'at most N, this many' },
  { word: /\bthe own\b/, instead: 'this Pod, its own …' },
  { word: /\bone's own\b/, instead: 'its own' },
  { word: /\bleads? on\b(?! (a|an|the|this|that|another|any|every|each|which|to)\b)/, instead: 'continues to lead' },
  { word: /\bmay not\b/, instead: 'must not, might not, or is not permitted to' },
  { word: /\bmay yet\b/, instead: 'may still' },
  { word: /\bnot (\w+ ){0,3}any more\b|\bnobody (\w+ ){0,3}any more\b/, instead: 'no longer' },
  { word: /\bstood still\b/, instead: 'was suspended' },
];

/**
 * Answers of a Kubernetes API server, whose words the recordings fix. The embedded server and its tests quote them. They are
 * not findings.
 */
const QUOTED: readonly RegExp[] = [
  /may not (be '|be more than|be specified for non-apply patch|contain '|specify a duration)/,
  /Too long: may not be/,
  /pod updates may not (add or remove|change fields)/,
  /Clients may not set this value/,
];

/** A place at which a retired word stands. */
export interface Finding {
  /** Counted from 1. */
  readonly line: number;
  readonly word: string;
  readonly instead: string;
}

/** The retired words in a text. A phrase that is broken between two lines is found as well. */
export function findRetired(text: string): readonly Finding[] {
  // Each replacement has the length of the replaced text, so that line numbers stay correct.
  const joined = text.replace(/\n[ \t]*(\*|\/\/|#|>)?[ \t]*/g, (gap) => `\n${' '.repeat(gap.length - 1)}`);
  const flat = QUOTED.reduce(
    (rest, quoted) => rest.replace(new RegExp(quoted, 'g'), (words) => ' '.repeat(words.length)),
    joined.replaceAll('\n', ' '),
  );
  return [...NAMES, ...ENGLISH]
    .flatMap(({ word, instead }) =>
      [...flat.matchAll(spaced(word))].map((match) => ({
        line: text.slice(0, match.index).split('\n').length,
        word: match[0].replace(/\s+/g, ' '),
        instead,
      })),
    )
    .sort((left, right) => left.line - right.line);
}

/** A phrase may have several spaces where a line ends. */
function spaced(word: RegExp): RegExp {
  return new RegExp(word.source.replaceAll(' ', ' +'), 'gi');
}

/** The files to check, as paths from the root of the project. */
export function checkedFiles(): readonly string[] {
  return CHECKED.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .map((file) => file.replaceAll(path.sep, '/'))
    .filter((file) => !file.includes('node_modules/'))
    .filter((file) => ![...EXEMPT, ...NOT_YET].some((part) => file === part || file.startsWith(`${part}/`)))
    .sort();
}

/** Each finding of each file, in one line. */
function report(): readonly string[] {
  return checkedFiles().flatMap((file) =>
    findRetired(readFileSync(path.join(ROOT, file), 'utf8')).map(
      ({ line, word, instead }) => `${file}:${line}: "${word}" is retired. Write: ${instead}.`,
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = report();
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (lines.length > 0) process.exitCode = 1;
}
