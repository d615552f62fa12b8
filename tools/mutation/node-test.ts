/**
 * The part of `node:test` that the tests under mutation use. It collects the tests and hooks of one file at a time; the
 * runner decides which of them run, and how often. `node:test` itself runs each test once in a process.
 */

import type { TestContext } from 'node:test';

export { mock } from 'node:test';

type Body = (context: TestContext) => unknown;
type Hook = () => unknown;

export interface CollectedTest {
  /** The names of its groups, and its own. */
  readonly path: string;
  /** The path, with a number after the first test of that path. */
  readonly name: string;
  readonly run: Body;
}

/** The tests and hooks of one file. */
export interface TestFile {
  readonly tests: CollectedTest[];
  readonly before: Hook[];
  readonly beforeEach: Body[];
  readonly after: Hook[];
}

let file: TestFile;
let groups: readonly string[];

/** Begins the collection of a test file. Its module must be loaded before the next call. */
export function beginTestFile(): TestFile {
  file = { tests: [], before: [], beforeEach: [], after: [] };
  groups = [];
  return file;
}

interface Options {
  readonly skip?: boolean | string | undefined;
}

export function test(name: string, ...rest: readonly [Body] | readonly [Options, Body]): void {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  if (options.skip) return;
  const path = [...groups, name].join(' › ');
  const namesakes = file.tests.filter((one) => one.path === path).length;
  file.tests.push({ path, name: namesakes === 0 ? path : `${path} (${namesakes + 1})`, run });
}

export function describe(name: string, define: () => void): void {
  const outer = groups;
  groups = [...outer, name];
  define();
  groups = outer;
}

export const suite: typeof describe = describe;

export function before(hook: Hook): void {
  file.before.push(hook);
}

export function beforeEach(hook: Body): void {
  file.beforeEach.push(hook);
}

export function after(hook: Hook): void {
  file.after.push(hook);
}
