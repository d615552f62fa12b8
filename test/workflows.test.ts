/**
 * Checks the workflows of GitHub: each action is pinned by its hash, each job has the least permissions, and no text of
 * a stranger is executed. `test/package/workflows.test.ts` runs actionlint.
 */

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const ROOT = path.join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly 'runs-on'?: string;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FILES = globSync('.github/workflows/*.yml', { cwd: ROOT }).sort();
const WORKFLOWS = FILES.map((file) => ({ file, text: read(file), workflow: parse(read(file)) as Workflow }));
const JOBS = WORKFLOWS.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ where: `${path.basename(file)}: ${name}`, job })),
);
const STEPS = JOBS.flatMap(({ where, job }) => job.steps.map((step) => ({ where, step })));

/** The jobs with further permissions than to read the repository. */
const FURTHER_PERMISSIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // The trusted publisher of npm, and the provenance.
  'release.yml: publish': { 'id-token': 'write' },
  // GitHub Pages.
  'docs.yml: deploy': { pages: 'write', 'id-token': 'write' },
};

test('the workflows are those that the documentation names', () => {
  assert.deepEqual(
    FILES.map((file) => path.basename(file, '.yml')),
    ['check', 'docs', 'e2e', 'nightly', 'release'],
  );
});

test('each action is pinned by the hash of a commit, beside its version', () => {
  const lines = WORKFLOWS.flatMap(({ text }) => text.split('\n').filter((line) => /\buses:/.test(line)));
  assert.equal(lines.length, STEPS.filter(({ step }) => step.uses !== undefined).length);
  for (const line of lines) assert.match(line, /uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test('one version of an action has one hash', () => {
  const hashes = new Map<string, string>();
  for (const [, action = '', hash = ''] of WORKFLOWS.flatMap(({ text }) => [
    ...text.matchAll(/uses: ([\w/-]+)@([0-9a-f]{40})/g),
  ])) {
    assert.equal(hashes.get(action) ?? hash, hash, action);
    hashes.set(action, hash);
  }
});

test('a workflow has no permission, and a job reads the repository unless it is listed', () => {
  for (const { file, workflow } of WORKFLOWS) assert.deepEqual(workflow.permissions, {}, file);
  for (const { where, job } of JOBS) {
    assert.deepEqual(job.permissions, FURTHER_PERMISSIONS[where] ?? { contents: 'read' }, where);
  }
  const names = JOBS.map(({ where }) => where);
  for (const where of Object.keys(FURTHER_PERMISSIONS)) assert.ok(names.includes(where), `${where} is gone`);
});

test('a checkout leaves no token behind', () => {
  const checkouts = STEPS.filter(({ step }) => step.uses?.startsWith('actions/checkout@'));
  assert.ok(checkouts.length >= 8);
  for (const { where, step } of checkouts) assert.equal(step.with?.['persist-credentials'], false, where);
});

test('a script of a workflow receives values only from its environment', () => {
  // GitHub inserts an expression into the script, so the title of a pull request could be a command.
  for (const { where, step } of STEPS) assert.doesNotMatch(step.run ?? '', /\$\{\{/, where);
});

test('no workflow runs the code of a stranger with the permissions of the repository', () => {
  for (const { file, text, workflow } of WORKFLOWS) {
    for (const event of ['pull_request_target', 'workflow_run', 'issue_comment']) {
      assert.ok(!Object.hasOwn(workflow.on, event), `${file}: ${event}`);
    }
    assert.doesNotMatch(text, /secrets\./, file);
  }
});

test('a release uses no cache and publishes the files that were checked', () => {
  const { pack, publish } = WORKFLOWS.find(({ file }) => file.endsWith('release.yml'))?.workflow.jobs ?? {};
  assert.ok(pack !== undefined && publish !== undefined);
  for (const { uses, with: input } of [...pack.steps, ...publish.steps]) {
    assert.doesNotMatch(uses ?? '', /actions\/cache/);
    if (uses?.startsWith('actions/setup-node@')) assert.equal(input?.['package-manager-cache'], false);
  }
  assert.ok(pack.steps.some(({ run }) => run === 'npm run check'));
  assert.ok(!publish.steps.some(({ uses }) => uses?.startsWith('actions/checkout@')));
  assert.match(publish.steps.at(-1)?.run ?? '', /npm publish \.\/lease-elector-\*\.tgz --provenance/);
});

test('each job has a time limit and a fixed image', () => {
  for (const { where, job } of JOBS) {
    assert.ok((job['timeout-minutes'] ?? 0) > 0, where);
    assert.doesNotMatch(job['runs-on'] ?? '', /latest/, where);
  }
});

test('each npm script that a workflow runs exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
  const called = STEPS.flatMap(({ step }) =>
    [...(step.run ?? '').matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name),
  );
  assert.ok(called.length > 5);
  for (const name of called) {
    assert.ok(name !== undefined && scripts[name] !== undefined, name);
  }
});

test('each file that a workflow names exists', () => {
  const named = STEPS.flatMap(({ step }) => [...(step.run ?? '').matchAll(/\b((?:test|tools)\/[\w./-]+\.ts)\b/g)]);
  assert.ok(named.length >= 3);
  for (const [, file = ''] of named) assert.ok(read(file).length > 0);
});

test('the issue forms ask for explain(), the Lease and the versions', () => {
  const form = parse(read('.github/ISSUE_TEMPLATE/bug.yml')) as {
    readonly body: readonly {
      readonly type: string;
      readonly id?: string;
      readonly attributes: { readonly label?: string; readonly value?: string };
      readonly validations?: { readonly required?: boolean };
    }[];
  };
  const required = form.body.filter(({ validations }) => validations?.required === true).map(({ id }) => id);
  assert.deepEqual(required, ['happened', 'explain', 'lease', 'versions']);
  for (const file of ['bug', 'feature']) {
    const { name, description, body } = parse(read(`.github/ISSUE_TEMPLATE/${file}.yml`)) as typeof form & {
      readonly name?: string;
      readonly description?: string;
    };
    assert.ok(name !== undefined && description !== undefined, file);
    const fields = body.filter(({ type }) => type !== 'markdown');
    assert.equal(new Set(fields.map(({ id }) => id)).size, fields.length, file);
    for (const { type, id, attributes } of fields) {
      assert.ok(['input', 'textarea', 'dropdown', 'checkboxes'].includes(type), `${file}: ${type}`);
      assert.ok(id !== undefined && attributes.label !== undefined, file);
    }
  }
});
