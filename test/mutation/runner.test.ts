// Checks the runner of the mutation tests on a project with one source, whose mutants are written by hand in the form
// that Stryker gives them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./runner-child.ts', import.meta.url));

const FILES = {
  'src/door.ts': `
    const stryker = globalThis.__stryker__;
    function isActive(id) {
      const { mutantCoverage: { static: whileLoading, perTest } = { static: {}, perTest: {} } } = stryker;
      const test = stryker.currentTestId;
      const hits = test === undefined ? whileLoading : (perTest[test] ??= {});
      hits[id] = (hits[id] ?? 0) + 1;
      if (stryker.activeMutant !== id) return false;
      stryker.hitCount += 1;
      if (stryker.hitCount > stryker.hitLimit) throw new Error('Stryker: Hit count limit reached');
      return true;
    }
    const keys = isActive('static') ? 1 : 2;
    let broken = false;
    export const keyCount = () => keys;
    export const open = () => (isActive('killed') ? 'closed' : 'open');
    export const name = () => (isActive('survived') ? 'door' : 'door');
    export const color = () => (isActive('at load') ? 'blue' : 'red');
    export function unlock() {
      if (isActive('broken for ever')) broken = true;
      return !broken;
    }
    export async function close() {
      if (isActive('hanging')) await new Promise(() => undefined);
      if (isActive('error in the same test')) queueMicrotask(() => { throw new Error('stray'); });
      if (isActive('error in a later test')) setTimeout(() => { throw new Error('stray'); }, 60);
    }
    export const title = () => (isActive('name of a test') ? 'other' : 'it has a title');
    export const handle = () => {
      const failing = Promise.reject(new Error('unhandled'));
      if (!isActive('unhandled rejection')) failing.catch(() => undefined);
    };
    export const lock = async () => {
      if (isActive('hook that hangs')) await new Promise(() => undefined);
      if (isActive('hook that fails')) throw new Error('jammed');
    };
    export const isBlocked = () => isActive('second of two namesakes');
    export function knock() {
      for (let i = 0; i < 3; i += isActive('endless') ? 0 : 1);
    }`,
  'src/window.ts': "export * from './door.ts';",
  'src/roof.ts': '',
  'test/rooms.ts': 'export const rooms = [];',
  'test/door.test.ts': `
    import assert from 'node:assert/strict';
    import { setTimeout as delay } from 'node:timers/promises';
    import { after, before, describe, test } from 'node:test';
    import { close, color, handle, isBlocked, keyCount, knock, lock, name, open, title, unlock } from '../src/door.ts';
    import { rooms } from './rooms.ts';
    const painted = color();
    before(() => rooms.push('hall'));
    after(() => rooms.pop());
    describe('a door', () => {
      test('opens', (t) => {
        t.after(() => rooms.push('garden'));
        assert.equal(open(), 'open');
        assert.deepEqual(rooms, ['hall']);
      });
      test('has a name', () => assert.equal(name(), 'door'));
      test('has two keys', () => assert.equal(keyCount(), 2));
    });
    test('it is red', () => assert.equal(painted, 'red'));
    test('it closes', async () => {
      await close();
      await delay(5);
    });
    test('it unlocks', () => assert.equal(unlock(), true));
    test('it survives a knock', () => knock());
    test('it waits', () => delay(100));
    test(title(), () => undefined);
    test('it has a handle', () => handle());
    test('it locks', (t) => t.after(() => lock()));
    for (const speed of [1, 2]) test('it turns', () => assert.equal(speed === 2 && isBlocked(), false));
    test('it flies', { skip: 'not yet' }, () => assert.fail());`,
  'test/window/window.test.ts': `
    import assert from 'node:assert/strict';
    import { test } from 'node:test';
    import { name } from '../../src/window.ts';
    test('it has a name', () => assert.equal(name(), 'door'));`,
  'test/excluded.test.ts': "import { test } from 'node:test'; test('fails', () => { throw new Error('excluded'); });",
};

const directory = mkdtempSync(join(tmpdir(), 'mutation-runner-'));
after(() => rmSync(directory, { recursive: true }));
for (const [path, text] of Object.entries(FILES)) {
  mkdirSync(join(directory, dirname(path)), { recursive: true });
  writeFileSync(join(directory, path), text);
}

/** The results of a process that runs these mutants, or the tests without a mutant. */
function run(source: string, mutants: readonly string[]) {
  const output = execFileSync(process.execPath, ['--no-warnings', CHILD, directory, source, ...mutants], {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

/** What became of each mutant: the name of the test that killed it, or the status of the run. */
function fates(source: string, ...mutants: readonly string[]): readonly string[] {
  return run(source, mutants).map(
    ({ status, killedBy, message }: { status: string; killedBy?: string[]; message?: string }) =>
      status === 'killed' ? `killed by ${killedBy?.[0]?.split('#')[1]}` : (message ?? status),
  );
}

/** The run without a mutant also measures the tests, which limits the time that they have with one. */
const [WITHOUT_MUTANT] = run('src/door.ts', []);

test('the run without a mutant reports each test and the mutants that it reaches', () => {
  const { status, tests, mutantCoverage } = WITHOUT_MUTANT;
  assert.equal(status, 'complete');
  const names = ['a door › opens', 'a door › has a name', 'a door › has two keys', 'it is red', 'it closes'];
  const expected = [
    ...names,
    'it unlocks',
    'it survives a knock',
    'it waits',
    'it has a title',
    'it has a handle',
    'it locks',
    'it turns',
    'it turns (2)',
  ].map((name) => `test/door.test.ts#${name}`);
  expected.push('test/window/window.test.ts#it has a name');
  assert.deepEqual(
    tests.map(({ id, status: outcome }: { id: string; status: number }) => [id, outcome]),
    expected.map((id) => [id, 0]),
  );
  assert.deepEqual(mutantCoverage.static, { static: 1 });
  // The mutant that runs while the file is loaded may affect each of its tests.
  assert.deepEqual(mutantCoverage.perTest['test/door.test.ts#a door › opens'], {
    'at load': 1,
    killed: 1,
    'name of a test': 1,
  });
  assert.deepEqual(mutantCoverage.perTest['test/door.test.ts#it waits'], { 'at load': 1, 'name of a test': 1 });
});

test('a mutant is killed by the test that notices it', () => {
  assert.deepEqual(
    fates(
      'src/door.ts',
      'killed',
      'at load',
      'endless',
      'hanging',
      'error in the same test',
      'second of two namesakes',
    ),
    [
      'killed by a door › opens',
      'killed by it is red',
      'killed by it survives a knock',
      'killed by it closes',
      'killed by it closes',
      'killed by it turns (2)',
    ],
  );
});

test('a mutant that no test notices survives', () => {
  assert.deepEqual(fates('src/door.ts', 'survived'), ['survived']);
});

test('a mutant of the loading of a source is killed in a new process', () => {
  assert.deepEqual(fates('src/door.ts', 'static'), ['killed by a door › has two keys']);
});

test('an error that a mutant causes after its test does not kill it or a later mutant', () => {
  assert.deepEqual(fates('src/door.ts', 'error in a later test', 'survived'), ['survived', 'survived']);
});

test('a mutant that breaks its process is killed in a new process, and a later mutant is run in another one', () => {
  assert.deepEqual(fates('src/door.ts', 'broken for ever'), ['killed by it unlocks']);
  const [, second] = fates('src/door.ts', 'broken for ever', 'survived');
  assert.match(second ?? '', /^test\/door\.test\.ts#it unlocks fails without a mutant: /);
});

test('only the tests of a source kill its mutants', () => {
  assert.deepEqual(fates('src/window.ts', 'killed'), ['survived']);
  assert.deepEqual(fates('src/roof.ts', 'killed'), [
    "nodeTest.testsOf of Stryker's configuration names no tests of src/roof.ts",
  ]);
});

test('a change of the name of a test, of its end or of its unhandled errors is noticed', () => {
  const mutants = ['name of a test', 'unhandled rejection', 'hook that hangs', 'hook that fails'];
  assert.deepEqual(fates('src/door.ts', ...mutants), [
    'killed by it has a title',
    'killed by it has a handle',
    'killed by it locks',
    'killed by it locks',
  ]);
});

test('a test that needs an earlier test fails in the run without a mutant', () => {
  const path = join(directory, 'test/window/order.test.ts');
  writeFileSync(
    path,
    `import assert from 'node:assert/strict';
    import { test } from 'node:test';
    let isOpen = false;
    test('it opens', () => { isOpen = true; });
    test('it is open', () => assert.ok(isOpen));`,
  );
  const [{ tests }] = run('src/door.ts', []);
  rmSync(path);
  const failures = tests.filter(({ status }: { status: number }) => status !== 0);
  assert.deepEqual(
    failures.map(({ id }: { id: string }) => id),
    ['test/window/order.test.ts#it is open'],
  );
  assert.match(failures[0].failureMessage, /^alone, AssertionError/);
});
