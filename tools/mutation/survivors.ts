/**
 * Compares a report of Stryker with a list of survivors, after a run of Stryker. The list has each change that no test
 * notices, with the reason why no test can. Its name is the argument: `survivors` for `src/core`, or `survivors-parts`.
 *
 * A survivor is identified by its content and not by its line number, so that edits elsewhere do not change the list.
 */

import { readFileSync } from 'node:fs';

/** A change that nothing observes. */
export interface Survivor {
  readonly file: string;
  readonly mutator: string;
  /** The first line that is changed, without its indentation. */
  readonly line: string;
  readonly original: string;
  readonly replacement: string;
}

export interface ListedSurvivor extends Survivor {
  /** Why no test can notice the change. */
  readonly reason: string;
}

interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

interface Mutant {
  readonly mutatorName: string;
  readonly replacement: string;
  readonly status: string;
  readonly location: { readonly start: Position; readonly end: Position };
}

/**
 * The part of Stryker's report (https://github.com/stryker-mutator/mutation-testing-elements) that this program reads.
 */
export interface MutationReport {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

/** The changes that were not killed. */
export interface Outcome {
  /** No test noticed them. */
  readonly survived: readonly Survivor[];
  /** They count as noticed, although on a busy machine any change may time out. */
  readonly timedOut: readonly Survivor[];
}

export function outcomeOf(report: MutationReport): Outcome {
  return {
    survived: select(report, (status) => !['Killed', 'Timeout', 'RuntimeError'].includes(status)),
    timedOut: select(report, (status) => status === 'Timeout'),
  };
}

function select(report: MutationReport, has: (status: string) => boolean): Survivor[] {
  return Object.entries(report.files).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => has(status))
      .map(({ mutatorName, replacement, location }) => ({
        file,
        mutator: mutatorName,
        line: (source.split('\n')[location.start.line - 1] ?? '').trim(),
        original: textAt(source, location.start, location.end),
        replacement: onOneLine(replacement),
      })),
  );
}

function textAt(source: string, start: Position, end: Position): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  const cut = lines.map((line, at) =>
    line.slice(at === 0 ? start.column - 1 : 0, at === last ? end.column - 1 : undefined),
  );
  return onOneLine(cut.join('\n'));
}

function onOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** Survivors that are not listed, and listed survivors that do not survive. */
export interface Comparison {
  readonly unlisted: readonly Survivor[];
  readonly outdated: readonly ListedSurvivor[];
}

/** Each entry of the list stands for one survivor. Two equal survivors need two entries. */
export function compare({ survived, timedOut }: Outcome, list: readonly ListedSurvivor[]): Comparison {
  const outdated = [...list];
  const take = (survivor: Survivor): boolean => {
    const at = outdated.findIndex((listed) => isSame(listed, survivor));
    if (at !== -1) outdated.splice(at, 1);
    return at !== -1;
  };
  const unlisted = survived.filter((survivor) => !take(survivor));
  timedOut.forEach(take);
  return { unlisted, outdated };
}

function isSame(left: Survivor, right: Survivor): boolean {
  return (
    left.file === right.file &&
    left.mutator === right.mutator &&
    left.line === right.line &&
    left.original === right.original &&
    left.replacement === right.replacement
  );
}

if (import.meta.main) {
  const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
  const name = process.argv[2] ?? 'survivors';
  const list: readonly ListedSurvivor[] = read(`${name}.json`);
  const report = read(`../../coverage/mutation/${name.replace('survivors', 'report')}.json`);
  const { unlisted, outdated } = compare(outcomeOf(report), list);
  for (const survivor of unlisted) console.error('No test notices this change:', JSON.stringify(survivor, null, 2));
  for (const listed of outdated) console.error('Listed, but no longer a survivor:', JSON.stringify(listed, null, 2));
  if (unlisted.length + outdated.length > 0) {
    console.error(
      `Write a test for each change, or list it in tools/mutation/${name}.json with the reason why no test can notice it.`,
    );
    process.exitCode = 1;
  } else {
    console.log(`${list.length} changes survive, each for the reason listed in tools/mutation/${name}.json.`);
  }
}
