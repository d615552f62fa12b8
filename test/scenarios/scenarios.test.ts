/**
 * Runs the stories in `stories/` and compares their output with the golden output in the file, to the byte.
 *
 * `REWRITE=1` writes the new output into the files. Review the difference: it shows the changes for users.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ScenarioCluster } from './scenario-cluster.ts';
import { runCommand } from './scenario-commands.ts';
import { parseScenario, writeScenario } from './scenario-file.ts';
import { RULES } from './scenario-rules.ts';

const DIRECTORY = join(import.meta.dirname, 'stories');
const FILES = readdirSync(DIRECTORY).sort();
const REWRITE = process.env['REWRITE'] === '1';
const ADVICE =
  'If the new output is right, rewrite the story and review the difference: ' +
  'REWRITE=1 node --test test/scenarios/scenarios.test.ts';

describe('scenarios', () => {
  for (const file of FILES) test(file, () => check(file));
});

async function check(file: string): Promise<void> {
  const path = join(DIRECTORY, file);
  const before = readFileSync(path, 'utf8');
  const after = await run(file, before);
  if (REWRITE) {
    assert.equal(process.env['CI'], undefined, 'CI must not rewrite stories.');
    assert.equal(await run(file, after), after, 'A second rewriting would change the file again.');
    if (after !== before) writeFileSync(path, after);
    return;
  }
  try {
    assert.equal(after, before);
  } catch (error) {
    if (error instanceof assert.AssertionError) error.message += `\n${ADVICE}`;
    throw error;
  }
}

/** The text of the file with the current output of its commands. */
async function run(file: string, text: string): Promise<string> {
  const scenario = parseScenario(file, text);
  const cluster = new ScenarioCluster();
  const outputs: (readonly string[])[] = [];
  for (const { commands } of scenario.stanzas) {
    const startMs = cluster.clock.nowMs();
    for (const command of commands) await runCommand(cluster, command);
    outputs.push(formatJournal(cluster.takeJournal(), startMs));
  }
  return writeScenario(scenario, outputs);
}

/**
 * The lines of a stanza's journal. A line has the time since the stanza began, if time has passed. Successive equal
 * entries are one line with their number.
 */
function formatJournal(
  journal: readonly { readonly atMs: number; readonly text: string }[],
  startMs: number,
): string[] {
  const lines: { readonly text: string; readonly fromMs: number; toMs: number; count: number }[] = [];
  for (const { atMs, text } of journal) {
    const last = lines.at(-1);
    if (last?.text === text) {
      last.toMs = atMs;
      last.count += 1;
    } else {
      lines.push({ text, fromMs: atMs, toMs: atMs, count: 1 });
    }
  }
  if (lines.length === 0) return ['nothing happens'];
  return lines.map(({ text, fromMs, toMs, count }) => {
    const until = toMs > fromMs ? ` to +${seconds(toMs - startMs)}` : '';
    const when = toMs > startMs ? `+${seconds(fromMs - startMs)}${until}  ` : '';
    return `${when}${text}${count > 1 ? ` (${count} times)` : ''}`;
  });
}

function seconds(ms: number): string {
  return `${Math.round(ms) / 1000}s`;
}

describe('the scenario runner', () => {
  test('each rule of the design, sections 4, 5 and 8, has a story, and each story has a rule', () => {
    const listed = RULES.flatMap(([, ...files]) => files.map((file) => `${file}.txt`));
    assert.deepEqual(listed.toSorted(), FILES);
    assert.deepEqual(
      RULES.filter(([, ...files]) => files.length === 0),
      [],
    );
  });

  const mistakes: Record<string, [text: string, message: RegExp]> = {
    'a file without a command': ['# Nothing happens.\n', /story: has no command/],
    'a stanza without a separator': ['\nadd-pod a\n\nadd-pod b\n----\n', /story:2: .*add-pod is not followed by ----/],
    'a last stanza without a separator': ['add-pod a\n----\n\ntick 1s\n', /story:4: .*tick is not followed/],
    'a separator without a command': ['# The leader.\n----\na: leads\n', /story:2: ---- without a command/],
    'an unknown command': ['# Once upon a time.\n\nlaunch a\n----\n', /story:3: there is no command launch/],
    'a command without its arguments': ['add-pod\n----\n', /story:1: the usage is: add-pod <pod> \[<name>\]/],
    'a command that fails': ['add-pod a\ncrash b\n----\n', /story:2: there is no process b/],
    'a time without a unit': ['tick 10\n----\n', /story:1: 10 is not a time such as/],
  };
  for (const [mistake, [text, message]] of Object.entries(mistakes)) {
    test(`the runner rejects ${mistake} and names the line`, () => assert.rejects(run('story', text), message));
  }
});
