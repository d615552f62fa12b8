/**
 * The documentation is correct: every `ts` block type-checks, the blocks of the pages run, and the tables are complete.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DEFAULT_RENEW_INTERVAL_MS, resolveOptions } from '../../src/options.ts';
import { electorRules } from '../../src/testing/index.ts';
import { PROCESS_ENVIRONMENT, TestCluster } from '../integration/cluster.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const pageOf = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const README = pageOf('README.md');
const run = promisify(execFile);

/** A block of code, and its place. */
interface Block {
  readonly where: string;
  readonly code: string;
}

/** The `ts` blocks of a text. */
function blocksOf(name: string, text: string): Block[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => ({
    where: `${name}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1] ?? '',
  }));
}

/** The `ts` blocks of the comments of a source file. */
function blocksOfComments(name: string, text: string): Block[] {
  const comments = text.replace(/^ *\* ?/gm, '');
  return blocksOf(name, comments);
}

/** All blocks: those of the pages, and those of the comments in `src/`. */
function allBlocks(): Block[] {
  const pages = ['', 'docs'].flatMap((directory) =>
    readdirSync(join(ROOT, directory))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(directory, name)),
  );
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return [
    ...pages.flatMap((name) => blocksOf(name, readFileSync(join(ROOT, name), 'utf8'))),
    ...sources.flatMap((name) => blocksOfComments(`src/${name}`, readFileSync(join(ROOT, 'src', name), 'utf8'))),
  ];
}

/** A directory that is removed after the test. */
function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-documentation-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The output of the compiler, with the places of the blocks. */
async function check(t: TestContext, blocks: readonly Block[]): Promise<string> {
  const directory = directoryOf(t);
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  for (const [index, { code }] of blocks.entries()) writeFileSync(join(directory, `block-${index}.mts`), code);
  const compilerOptions = {
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    paths: {
      'lease-elector': [join(ROOT, 'src/index.ts')],
      'lease-elector/testing': [join(ROOT, 'src/testing/index.ts')],
    },
  };
  const files = blocks.map((_, index) => `block-${index}.mts`);
  const project = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(project));
  try {
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', directory]);
    return '';
  } catch (error) {
    const output = String((error as { stdout?: string }).stdout ?? error);
    return output.replace(/\S*block-(\d+)\.mts/g, (_, index: string) => blocks[Number(index)]?.where ?? '');
  }
}

/** The minimum number of blocks of each place. Without it, a search that finds no block would pass. */
const FEWEST_BLOCKS: Readonly<Record<string, number>> = {
  'README.md': 2,
  'docs/usage.md': 5,
  'docs/configuration.md': 3,
  'docs/operations.md': 1,
  'docs/testing.md': 2,
  'docs/from-the-sidecar.md': 3,
  'src/lease-elector.ts': 1,
};

test('every ts block of the pages and of the comments type-checks', async (t) => {
  const blocks = allBlocks();
  const places = blocks.map(({ where }) => where.split(':')[0] ?? '');
  for (const [place, count] of Object.entries(FEWEST_BLOCKS)) {
    assert.ok(places.filter((one) => one === place).length >= count, place);
  }
  assert.equal(await check(t, blocks), '');
});

test('the check reports a broken block with its place', async (t) => {
  const [block] = blocksOf('README.md', README) as [Block];
  const broken = { ...block, code: block.code.replace('term.fencingToken', 'term.fencingTokens') };
  const output = await check(t, [block, broken]);
  assert.match(output, /^README\.md:\d+\(\d+,\d+\): error TS2551: .*fencingTokens/);
  assert.ok(output.startsWith(`${block.where}(`));
  const [, line] = block.where.split(':');
  assert.equal(README.split('\n')[Number(line) - 1], '```ts');
});

/** Whether a block starts its own cluster. Such a program ends by itself. */
const startsCluster = ({ code }: Block): boolean => code.includes('lease-elector/testing');

/** The blocks of the pages that are whole programs. A block of the design is only a sketch, whose job ends at once. */
const programs = allBlocks().filter(({ where }) => !where.startsWith('src/') && !where.startsWith('docs/design.md'));

for (const block of programs.filter(startsCluster)) {
  test(`the block at ${block.where} runs to its end`, async (t) => {
    assert.equal((await runInPod(t, block.code)).end, 0);
  });
}

for (const block of programs.filter((one) => !startsCluster(one))) {
  test(`the block at ${block.where} leads, and ends on SIGTERM`, async (t) => {
    const { leads, end } = await runInPod(t, block.code);
    assert.equal(leads, true);
    // A program that handles the signal exits with 0. The signal ends any other program.
    assert.equal(end, block.code.includes('SIGTERM') ? 0 : 'SIGTERM');
  });
}

const examples = allBlocks().filter(({ where }) => where.startsWith('src/'));

/** The lines that a program must write, according to the comments after each `console.log`. */
function promisedLines(code: string): string[] {
  return [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.+)$/gm)].map(([, line = '']) => line);
}

for (const block of examples) {
  test(`the example at ${block.where} runs, and writes the lines of its comments`, async (t) => {
    const { leads, end, stdout } = await runInPod(t, block.code);
    const expected = startsCluster(block) ? [false, 0] : [true, block.code.includes('SIGTERM') ? 0 : 'SIGTERM'];
    assert.deepEqual([leads, end], expected);
    const promised = promisedLines(block.code);
    if (promised.length > 0) assert.deepEqual(stdout.trimEnd().split('\n'), promised);
  });
}

test('a wrong comment of an example is found', async (t) => {
  const block = examples.find(({ code }) => code.includes('console.log(elector.isLeader); // true'));
  assert.ok(block);
  const { stdout } = await runInPod(t, block.code.replace('elector.isLeader', '!elector.isLeader'));
  assert.deepEqual([stdout, promisedLines(block.code)], ['false\n', ['true']]);
});

test('most examples of the test kit have comments with the lines that they write', () => {
  const promising = examples.filter((block) => startsCluster(block) && promisedLines(block.code).length > 0);
  assert.ok(promising.length >= 20, `${promising.length} examples`);
});

test('the members that applications use most have an example', () => {
  const code = examples.map((block) => block.code).join('\n');
  for (const member of ['leaderOnly', 'confirm', 'stepDown', 'stop', 'explain', 'metricFamilies', 'on', 'timeline']) {
    assert.match(code, new RegExp(`\\.${member}\\b`), member);
  }
});

/** The line that a job writes in front of its failure. */
const FAILS = 'the job fails';

/**
 * The same program with short intervals and failing jobs. The jobs are the functions that a block leaves to its reader.
 */
function withFailingJobs({ where, code }: Block): Block {
  const failing = code
    .replace(
      /^(async function [^\n]*?)\{(\}$|[\s\S]*?^\})/gm,
      `$1{ console.log('${FAILS}'); throw new Error('${FAILS}'); }`,
    )
    .replaceAll('60_000', '10');
  return { where, code: failing };
}

const withJobs = allBlocks()
  .filter((block) => !startsCluster(block) && block.code.includes('async function'))
  .filter(({ code }) => code.includes('new LeaseElector'))
  .map(withFailingJobs);

for (const { where, code } of withJobs) {
  test(`a job that fails does not end the process of the block at ${where}`, async (t) => {
    const { leads, end, stdout } = await runInPod(t, code, FAILS);
    assert.ok(stdout.includes(FAILS), 'the job failed');
    assert.equal(leads, true);
    assert.equal(end, code.includes('SIGTERM') ? 0 : 'SIGTERM');
  });
}

test('each place that shows a job is tested with a failing job', () => {
  const places = new Set(withJobs.map(({ where }) => where.split(':')[0]));
  for (const place of ['README.md', 'docs/usage.md', 'docs/from-the-sidecar.md', 'src/lease-elector.ts'])
    assert.ok(places.has(place), place);
});

test('a job whose failure is not handled ends its process', async (t) => {
  const block = withJobs.find(({ code }) => code.includes('onError: console.error'));
  assert.ok(block);
  const unsafe = block.code.replace(/\{ onError: console\.error \}/, '{}');
  assert.equal((await runInPod(t, unsafe, FAILS)).end, 1);
});

test('a program that does not start its elector does not lead', async (t) => {
  const [block] = blocksOf('README.md', README) as [Block];
  const { leads, end } = await runInPod(t, block.code.replace('await elector.start();', ''));
  assert.deepEqual([leads, end], [false, 0]);
});

test('a program with an error exits with 1', async (t) => {
  const [block] = blocksOf('README.md', README) as [Block];
  const { leads, end } = await runInPod(t, block.code.replace('new LeaseElector({', 'new LeaseElector({ leese: 1,'));
  assert.deepEqual([leads, end], [false, 1]);
});

/**
 * Runs a program in a Pod until it leads or ends. Then ends it as a kubelet does.
 *
 * @param line a text that the program must write before it is ended, twice if it has a timer
 */
async function runInPod(
  t: TestContext,
  code: string,
  line = '',
): Promise<{ readonly leads: boolean; readonly end: number | NodeJS.Signals; readonly stdout: string }> {
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0', { labels: { app: 'documented' } });
  let leads = false;
  cluster.server.onWrite(({ object, resource, type }) => {
    const ownerUid = object.metadata.ownerReferences?.[0]?.uid;
    if (resource === 'leases' && type === 'ADDED' && ownerUid === pod.uid) leads = true;
  });
  const program = join(directoryOf(t), 'program.mts');
  writeFileSync(program, code);
  const resolver = new URL('../integration/package-resolver.ts', import.meta.url).href;
  const child = spawn(process.execPath, [`--import=${resolver}`, program], {
    env: { ...PROCESS_ENVIRONMENT, ...pod.environment, POD_DIRECTORY: pod.directory },
    // The files that it writes are removed with its directory.
    cwd: dirname(program),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  let end: number | NodeJS.Signals | null = null;
  // The output is not complete before `close`.
  child.once('close', (status, signal) => {
    end = signal ?? status;
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await until('it leads, or ends', () => leads || end !== null);
  // The answer to the create has arrived when the watch of the Pod is opened. Then `start()` has resolved. The first
  // renewal would be much later.
  const watched = (): boolean => cluster.requests.count({ verb: 'watch', resource: 'pods' }) > 0;
  await until('it watches its Pod, or ends', () => watched() || end !== null);
  // An unhandled rejection ends a process before its next timer fires.
  const lines = code.includes('setInterval') ? 2 : 1;
  const written = (): boolean => line === '' || stdout.split(line).length > lines;
  await until('it has written the line, or ends', () => written() || end !== null);
  if (end === null) child.kill('SIGTERM');
  await until('it ends', () => end !== null);
  return { leads, end: end ?? 'SIGKILL', stdout };
}

// The tables of the pages

const USAGE = pageOf('docs/usage.md');
const CONFIGURATION = pageOf('docs/configuration.md');
const OPERATIONS = pageOf('docs/operations.md');

/** The words in the first column of the table that follows a heading. */
function firstColumn(page: string, heading: string): string[] {
  return tableUnder(page, heading).map((row) => /^\| `(\w+)/.exec(row)?.[1] ?? row);
}

/** The rows of the first table under a heading, without its head. */
function tableUnder(page: string, heading: string): string[] {
  assert.equal(page.split(heading).length, 2, heading);
  const section =
    page
      .slice(page.indexOf(heading))
      .split('\n\n')
      .find((part) => part.startsWith('|')) ?? '';
  return section.split('\n').slice(2);
}

test('docs/configuration.md lists all options with their defaults', () => {
  const source = readFileSync(join(ROOT, 'src/options.ts'), 'utf8');
  const declared = /export interface LeaseElectorOptions \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? '';
  const names = [...declared.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, name]) => name);
  assert.deepEqual(firstColumn(CONFIGURATION, '\n## Options\n').sort(), names.sort());
  for (const [name, value] of Object.entries(resolveOptions({}))) {
    assert.match(CONFIGURATION, new RegExp(`^\\| \`${name}\` \\| ${value ?? false} \\|`, 'm'));
  }
  assert.equal(DEFAULT_RENEW_INTERVAL_MS, 10_000);
});

test('the pages list all events, states and codes', () => {
  const sourceOf = (name: string): string => readFileSync(join(ROOT, 'src', name), 'utf8');
  const events = /export interface LeaseElectorEvents \{([\s\S]*?)\n\}/.exec(sourceOf('events.ts'))?.[1] ?? '';
  assert.deepEqual(
    firstColumn(USAGE, '\n## Events\n').sort(),
    [...events.matchAll(/^ {2}(\w+): \[/gm)].map(([, name]) => name).sort(),
  );
  const union = /export type LeaseElectorErrorCode =([\s\S]*?);/.exec(sourceOf('errors.ts'))?.[1] ?? '';
  assert.deepEqual(
    firstColumn(OPERATIONS, '\n## Errors\n').sort(),
    [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code).sort(),
  );
  const states = /export type LeaseElectorState = ([^;]*);/.exec(sourceOf('lease-elector.ts'))?.[1] ?? '';
  for (const [, state] of states.matchAll(/'(\w+)'/g))
    assert.match(USAGE, new RegExp(`^\\| \`state\` \\|.*\`${state}\``, 'm'));
  const reasons = /export type DemotionReason =([\s\S]*?);/.exec(sourceOf('core/effect.ts'))?.[1] ?? '';
  const listed = /^Reasons: ([\s\S]*?)\n\n/m.exec(USAGE)?.[1] ?? '';
  for (const [, reason] of reasons.matchAll(/\| '([\w-]+)'/g)) assert.ok(listed.includes(`\`${reason}\``), reason);
});

/** The source of both unions of warning codes, with its comments. */
function warningUnions(): string {
  const sourceOf = (name: string): string => readFileSync(join(ROOT, 'src', name), 'utf8');
  const core = /export type WarningCode =\n([\s\S]*?';)/.exec(sourceOf('core/effect.ts'))?.[1] ?? '';
  const shell =
    /export type WarningCode =\n {2}\| CoreWarningCode\n([\s\S]*?';)/.exec(sourceOf('events.ts'))?.[1] ?? '';
  assert.ok(core !== '' && shell !== '');
  return `${core}\n${shell}`;
}

test('docs/operations.md has the meaning, the advice and the urgency of every warning', () => {
  const codes = [...warningUnions().matchAll(/^ *\| '([\w-]+)'/gm)].map(([, code]) => code);
  assert.ok(codes.length > 20);
  const rows = tableUnder(OPERATIONS, '\n## Warnings\n').map((row) =>
    row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')),
  );
  assert.deepEqual(rows.map(([code = '']) => code.replaceAll('`', '')).sort(), codes.sort());
  for (const [code, meaning = '', advice = '', page = '', ...more] of rows) {
    assert.ok(meaning !== '' && advice !== '' && more.length === 0, code);
    assert.match(page, /^(yes|ticket|no)$/, code);
  }
});

test('every code of a warning has a comment', () => {
  const members = [...warningUnions().matchAll(/^(.*)\n *\| '([\w-]+)'/gm)];
  assert.ok(members.length > 20);
  for (const [, before = '', code] of members) assert.match(before, /\*\/$/, code);
});

test('docs/operations.md has a row for every reason that explain() can give', () => {
  const source = readFileSync(join(ROOT, 'src/explain/explanation.ts'), 'utf8');
  const union = /export type ExplanationReason =([\s\S]*?';)/.exec(source)?.[1] ?? '';
  const reasons = [...union.matchAll(/\| '([\w-]+)'/g)].map(([, reason]) => reason);
  assert.ok(reasons.length > 12);
  const listed = tableUnder(OPERATIONS, '\n## Why is there no leader? `explain`\n').flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`([\w-]+)`/g)].map(([, reason]) => reason),
  );
  assert.deepEqual(listed.sort(), reasons.sort());
});

test('the README has the Role that the tests grant, and docs/usage.md has the rules of three options', () => {
  const verbsIn = (page: string): string[][] =>
    [...page.matchAll(/^ {4}verbs: \[(.*)\]$/gm)].map(([, list = '']) => list.split(', '));
  assert.deepEqual(verbsIn(README), [ALL_PERMISSIONS.leases, ALL_PERMISSIONS.pods]);
  const verbs = [...verbsIn(README), ...verbsIn(USAGE)];
  const all = electorRules({ leaderLabel: 'leader', podDeletionCost: 1, events: true });
  assert.deepEqual(
    verbs,
    all.map((rule) => rule.verbs),
  );
});
