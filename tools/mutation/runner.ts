/**
 * A test runner for Stryker that runs the tests of `node:test` in one process. The runner that Stryker has for them
 * starts a process for each file and each mutant, which takes longer than the tests.
 *
 * The sources are loaded once. The test files are loaded again for each mutant, with the files that they import from
 * `test/`, so each mutant begins with new clusters and clocks.
 *
 * A mutant can leave something behind in the process, such as a changed table or an error that nobody awaits. So a test
 * kills a mutant only if it fails with the mutant, passes without it, and fails with it again. The run without a mutant
 * sees that each test also passes alone.
 *
 * A mutant of a value that its module keeps for ever, such as a cache, acts only in the first test that reaches it.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { basename, dirname, relative, resolve } from 'node:path';
import { mock, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { beginTestFile, type CollectedTest, type TestFile } from './node-test.ts';

/** The settings of this runner in Stryker's configuration. */
interface Settings {
  readonly nodeTest: {
    /**
     * The patterns of the test files that must notice the mutants of a folder, or of a file. The keys are the beginnings
     * of the paths of the sources. Other tests may reach these mutants too, but only by chance.
     */
    readonly testsOf: Readonly<Record<string, readonly string[]>>;
    /** Patterns of test files that are left out. */
    readonly exclude: readonly string[];
  };
}

/**
 * The parts of Stryker's interface (https://stryker-mutator.io/docs/stryker-js/api/typedoc/) that this runner uses. The
 * declarations of `@stryker-mutator/api` do not pass `exactOptionalPropertyTypes`.
 */
interface DryRunOptions {
  /** The files with mutants. */
  readonly files?: readonly string[];
}

interface MutantRunOptions {
  readonly activeMutant: { readonly id: string };
  readonly sandboxFileName: string;
  /** `static`: the mutant is active while the sources are loaded, into a new process. */
  readonly mutantActivation: 'runtime' | 'static';
  /** The tests that reach the mutant; left out when it is static. */
  readonly testFilter?: readonly string[];
  /** A mutant that is reached more often is in a loop without an end. */
  readonly hitLimit?: number;
}

const SUCCESS = 0;
const FAILURE = 1;

interface TestResult {
  readonly id: string;
  readonly name: string;
  readonly fileName: string;
  readonly timeSpentMs: number;
  readonly status: typeof SUCCESS | typeof FAILURE;
  readonly failureMessage?: string;
}

/** How often each mutant was reached, by its id. */
type Hits = Record<string, number>;

interface Coverage {
  readonly static: Hits;
  readonly perTest: Record<string, Hits>;
}

interface DryRunResult {
  readonly status: 'complete';
  readonly tests: readonly TestResult[];
  readonly mutantCoverage: Coverage;
}

type MutantRunResult =
  | { readonly status: 'survived'; readonly nrOfTests: number }
  | {
      readonly status: 'killed';
      readonly killedBy: readonly string[];
      readonly failureMessage: string;
      readonly nrOfTests: number;
    };

/** The global variable that the mutated sources read. */
interface MutationState {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: Coverage;
  hitCount?: number;
  hitLimit?: number | undefined;
}

/** The limit of a test in the run without a mutant. */
const TEST_LIMIT_MS = 60_000;

/** With a mutant, a test fails when it takes longer than this many times its time without a mutant, and 1 s. */
const SLOWDOWN = 4;

/** The times of the tests without a mutant, for the other processes. It stands in the copy of the project. */
const TIMES_FILE = 'test-times.json';

/** The limit of a hook that ends something, such as a server. A mutant can prevent that end. */
const END_LIMIT_MS = 3_000;

/** Separates the file from the name in the id of a test. */
const SEPARATOR = '#';

/** The id for the coverage of the second run of each test, which is not reported. */
const ALONE = 'alone';

/** A loaded test file. */
interface Loaded {
  readonly path: string;
  readonly file: TestFile;
  /** Why it could not be loaded; `null` when it was. */
  readonly failure: string | null;
}

/** Switches the mutant on or off. */
type MutantSwitch = (on: boolean) => void;

export class NodeTestRunner {
  static readonly inject = ['options'] as const;

  readonly #testsOf: Settings['nodeTest']['testsOf'];
  readonly #exclude: string[];
  /** The limit of each test in milliseconds, by its file and its id; `null` before it was read. */
  #limitsMs: ReadonlyMap<string, ReadonlyMap<string, number>> | null = null;
  readonly #stryker: MutationState;
  /** The number of mutants that each test, and each test file, has killed in this process. */
  readonly #kills = new Map<string, number>();
  #loads = 0;
  #mutants = 0;
  #onStrayError: (error: unknown) => void = () => undefined;

  constructor({ nodeTest: { testsOf, exclude } }: Settings) {
    this.#testsOf = testsOf;
    this.#exclude = [...exclude];
    const scope = globalThis as { __stryker__?: MutationState };
    scope.__stryker__ ??= {};
    this.#stryker = scope.__stryker__;
  }

  capabilities(): { readonly reloadEnvironment: boolean } {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    enableCompileCache('coverage/mutation/compile-cache');
    // With new values in each run, a mutant would survive in one run and not in the next.
    fc.configureGlobal({ seed: 1 });
    const tests = urlOf('test');
    registerHooks({
      resolve: (specifier, context, next) => {
        if (specifier === 'node:test' && context.parentURL?.startsWith(tests)) {
          return { url: import.meta.resolve('./node-test.ts'), shortCircuit: true };
        }
        const found = next(specifier, context);
        return found.url.startsWith(tests) ? { ...found, url: `${found.url}?load=${this.#loads}` } : found;
      },
    });
    const report = (error: unknown): void => this.#onStrayError(error);
    process.on('unhandledRejection', report);
    process.on('uncaughtException', report);
  }

  async dryRun({ files = [] }: DryRunOptions): Promise<DryRunResult> {
    const mutantCoverage: Coverage = { static: {}, perTest: {} };
    this.#stryker.mutantCoverage = mutantCoverage;
    for (const file of files) await import(urlOf(file));
    const results: TestResult[] = [];
    for (const path of this.#testFiles(Object.values(this.#testsOf).flat())) {
      this.#stryker.currentTestId = path;
      const loaded = await this.#load(path);
      // A mutant that runs while the file is loaded may affect each of its tests.
      const { [path]: whileLoading = {} } = mutantCoverage.perTest;
      delete mutantCoverage.perTest[path];
      if (loaded.failure !== null) results.push(failed(path, path, 0, loaded.failure));
      for (const test of loaded.file.tests) {
        const id = idOf(path, test);
        mutantCoverage.perTest[id] = { ...whileLoading };
        this.#stryker.currentTestId = id;
        const start = performance.now();
        const failure = await this.#run(loaded.file, test, TEST_LIMIT_MS);
        const ms = performance.now() - start;
        results.push(failure === null ? passed(path, id, ms) : failed(path, id, ms, failure));
      }
      await end(loaded.file.after);
    }
    writeFileSync(TIMES_FILE, JSON.stringify(Object.fromEntries(results.map((one) => [one.id, one.timeSpentMs]))));
    this.#stryker.currentTestId = ALONE;
    const tests = await this.#withFailuresAlone(results);
    delete mutantCoverage.perTest[ALONE];
    return { status: 'complete', tests, mutantCoverage };
  }

  /** A test that needs an earlier one would seem to be broken by a mutant. */
  async #withFailuresAlone(results: readonly TestResult[]): Promise<readonly TestResult[]> {
    const all: TestResult[] = [];
    for (const result of results) {
      const failure = result.status === SUCCESS ? await this.#runAlone(result.id) : null;
      all.push(failure === null ? result : { ...result, status: FAILURE, failureMessage: `alone, ${failure}` });
    }
    return all;
  }

  async mutantRun({ activeMutant, ...options }: MutantRunOptions): Promise<MutantRunResult> {
    this.#mutants += 1;
    this.#stryker.hitLimit = options.hitLimit;
    const activate: MutantSwitch = (on) => {
      this.#stryker.activeMutant = on ? activeMutant.id : undefined;
      this.#stryker.hitCount = 0;
    };
    activate(options.mutantActivation === 'static');
    try {
      await import(urlOf(options.sandboxFileName));
    } catch (error) {
      return killed(null, messageOf(error), 0);
    }
    const result = await this.#findKiller(activate, options);
    activate(false);
    return result;
  }

  async #findKiller(activate: MutantSwitch, options: Omit<MutantRunOptions, 'activeMutant'>): Promise<MutantRunResult> {
    const { mutantActivation, sandboxFileName, testFilter } = options;
    const reaching = testFilter === undefined ? null : new Set(testFilter);
    let count = 0;
    for (const path of this.#likelyKillers(this.#testFilesOf(sandboxFileName), sandboxFileName)) {
      // The tests that the file has without a mutant. A mutant can change the rows of a table, and with them the names.
      const ids = [...this.#limitsOf(path).keys()].filter((id) => reaching?.has(id) ?? true);
      if (ids.length === 0) continue;
      activate(true);
      const loaded = await this.#load(path);
      for (const id of this.#likelyKillers(ids)) {
        count += 1;
        activate(true);
        const failure = await this.#runOf(loaded, id);
        if (failure === null || !(await this.#isKiller(id, activate, mutantActivation === 'static'))) continue;
        for (const one of [id, path]) this.#kills.set(one, (this.#kills.get(one) ?? 0) + 1);
        await end(loaded.file.after);
        return killed(id, failure, count);
      }
      await end(loaded.file.after);
    }
    return { status: 'survived', nrOfTests: count };
  }

  /** Sorts tests or files: first the tests of that source, then those that have killed the most mutants. */
  #likelyKillers(names: readonly string[], source?: string): string[] {
    const rank = (name: string): number =>
      source !== undefined && isTestOf(name, source) ? Number.POSITIVE_INFINITY : (this.#kills.get(name) ?? 0);
    return names.toSorted((left, right) => (rank(left) === rank(right) ? 0 : rank(right) - rank(left)));
  }

  /** Whether the test that has failed with the mutant passes without it, and fails with it again. */
  async #isKiller(id: string, activate: MutantSwitch, isStatic: boolean): Promise<boolean> {
    // The sources were loaded with the mutant, into a new process.
    if (!isStatic) {
      activate(false);
      const failure = await this.#runAlone(id);
      // Stryker catches the error, starts a new process, and runs the mutant there again. There is no earlier mutant in
      // a new process, so that a failure can only come from this one.
      if (failure !== null && this.#mutants > 1) throw new Error(`${id} fails without a mutant: ${failure}`);
      activate(true);
    }
    return (await this.#runAlone(id)) !== null;
  }

  /** The limits of the tests of a file, by their ids. */
  #limitsOf(path: string): ReadonlyMap<string, number> {
    this.#limitsMs ??= readLimits();
    return this.#limitsMs.get(path) ?? new Map();
  }

  #testFilesOf(source: string): string[] {
    const path = relative('.', source);
    const found = Object.entries(this.#testsOf).find(([start]) => path.startsWith(start));
    if (found === undefined) throw new Error(`nodeTest.testsOf of Stryker's configuration names no tests of ${path}`);
    return this.#testFiles(found[1]);
  }

  #testFiles(patterns: readonly string[]): string[] {
    return globSync([...patterns], { exclude: this.#exclude }).toSorted();
  }

  async #load(path: string): Promise<Loaded> {
    this.#loads += 1;
    const file = beginTestFile();
    try {
      await import(urlOf(path));
      for (const hook of file.before) await hook();
      return { path, file, failure: null };
    } catch (error) {
      return { path, file, failure: messageOf(error) };
    }
  }

  /** Loads a test file again, and runs one of its tests. Returns why it fails, or `null`. */
  async #runAlone(id: string): Promise<string | null> {
    const loaded = await this.#load(fileOf(id));
    const failure = await this.#runOf(loaded, id);
    await end(loaded.file.after);
    return failure;
  }

  async #runOf({ path, file, failure }: Loaded, id: string): Promise<string | null> {
    if (failure !== null) return failure;
    const test = file.tests.find((one) => idOf(path, one) === id);
    return test === undefined
      ? 'the test is missing'
      : this.#run(file, test, this.#limitsOf(path).get(id) ?? TEST_LIMIT_MS);
  }

  async #run(file: TestFile, test: CollectedTest, limitMs: number): Promise<string | null> {
    const ends: (() => unknown)[] = [];
    const context = contextOf(test.name, ends);
    const { promise: stopped, reject: stop } = Promise.withResolvers<never>();
    const timer = setTimeout(stop, limitMs, new Error(`it did not end within ${limitMs} ms`));
    this.#onStrayError = stop;
    const body = async (): Promise<void> => {
      for (const hook of file.beforeEach) await hook(context);
      await test.run(context);
    };
    let failure: string | null = null;
    try {
      await Promise.race([body().then(turnsOver), stopped]);
    } catch (error) {
      failure = messageOf(error);
    }
    clearTimeout(timer);
    const ending = await end(ends);
    this.#onStrayError = () => undefined;
    mock.reset();
    return failure ?? ending;
  }
}

function readLimits(): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const limits = new Map<string, Map<string, number>>();
  const times: Record<string, number> = JSON.parse(readFileSync(TIMES_FILE, 'utf8'));
  for (const [id, ms] of Object.entries(times)) {
    const ofFile = limits.get(fileOf(id)) ?? new Map<string, number>();
    limits.set(fileOf(id), ofFile.set(id, 1_000 + SLOWDOWN * ms));
  }
  return limits;
}

function urlOf(path: string): string {
  return pathToFileURL(resolve(path)).href;
}

function idOf(path: string, test: CollectedTest): string {
  return `${path}${SEPARATOR}${test.name}`;
}

function fileOf(id: string): string {
  return id.split(SEPARATOR, 1)[0] ?? id;
}

/** Whether the file has the tests of that source, as `test/core/watch.test.ts` has those of `src/core/watch.ts`. */
function isTestOf(path: string, source: string): boolean {
  return (
    resolve(dirname(source)).endsWith(dirname(path).replace('test', 'src')) &&
    basename(path, '.test.ts') === basename(source, '.ts')
  );
}

/** Node.js reports a rejected promise that nobody handles at the end of a turn of the event loop. */
async function turnsOver(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs every hook, and returns why the first one failed, or `null`. */
async function end(hooks: readonly (() => unknown)[]): Promise<string | null> {
  let failure: string | null = null;
  for (const hook of hooks) {
    const { promise: timeIsOver, reject: stop } = Promise.withResolvers<never>();
    const timer = setTimeout(stop, END_LIMIT_MS, new Error(`a hook did not end within ${END_LIMIT_MS} ms`));
    try {
      await Promise.race([hook(), timeIsOver]);
    } catch (error) {
      failure ??= messageOf(error);
    } finally {
      clearTimeout(timer);
    }
  }
  return failure;
}

/** The part of a test's context that the tests use. */
function contextOf(name: string, ends: (() => unknown)[]): TestContext {
  const context = {
    name,
    mock,
    after: (hook: () => unknown) => ends.unshift(hook),
    diagnostic: () => undefined,
    skip: () => undefined,
    test: async (_name: string, run: (inner: unknown) => unknown) => run(context),
  };
  return context as unknown as TestContext;
}

function passed(path: string, id: string, timeSpentMs: number): TestResult {
  return { id, name: id, fileName: resolve(path), timeSpentMs, status: SUCCESS };
}

function failed(path: string, id: string, timeSpentMs: number, failureMessage: string): TestResult {
  return { id, name: id, fileName: resolve(path), timeSpentMs, status: FAILURE, failureMessage };
}

function killed(id: string | null, failureMessage: string, nrOfTests: number): MutantRunResult {
  return { status: 'killed', killedBy: id === null ? [] : [id], failureMessage, nrOfTests };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const PATTERNS = { type: 'array', items: { type: 'string' } };
const SETTINGS = { testsOf: { type: 'object', additionalProperties: PATTERNS }, exclude: PATTERNS };

/** Stryker reads both names. */
export const strykerPlugins: readonly object[] = [
  { kind: 'TestRunner', name: 'node-test', injectableClass: NodeTestRunner },
];

export const strykerValidationSchema: object = {
  properties: { nodeTest: { type: 'object', properties: SETTINGS, required: Object.keys(SETTINGS) } },
};
