/**
 * The published bundle contains the verbs, and an application that imports the main entry loads none of them.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { bundle } from '../../tools/build.ts';
import { createLease, fileOf } from '../command/on-call.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** The files of a bundle that a file imports statically, including itself. */
function importedBy(directory: string, file: string, found: Set<string> = new Set()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(directory, file), 'utf8');
  for (const [, specifier = ''] of text.matchAll(/^(?:import|export)[^;]*?["'](\.[^"']+)["'];$/gm)) {
    importedBy(directory, join(file, '..', specifier), found);
  }
  return found;
}

test('the bundle of the executable explains, lists and watches, and the main entry contains no verb', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-bundle-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await bundle(directory);
  symlinkSync(MODULES, join(directory, 'node_modules'), 'dir');
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  await createLease(cluster, { namespace: 'shop', owner: cluster.createPod({ name: 'web-0', namespace: 'shop' }) });
  const kubeconfig = fileOf(t, cluster.kubeconfig());
  const main = join(directory, 'command', 'main.js');
  const call = (args: readonly string[]) =>
    promisify(execFile)(process.execPath, [main, ...args, '--kubeconfig', kubeconfig], { cwd: directory });
  assert.match((await call(['explain', '-n', 'shop'])).stdout, /^Lease shop\/web: has a leader\n {2}Pod web-0 leads/);
  assert.match((await call(['list', '-A'])).stdout, /\nshop +web +web-0 /);
  assert.match((await call(['watch', '--help'])).stdout, /^Usage: lease-elector watch/);
  const words = (file: string): string =>
    [...importedBy(directory, file)].map((one) => readFileSync(join(directory, one), 'utf8')).join('\n');
  // Neither an application nor `lease-elector apiserver` loads the verbs, which only the person on call needs.
  for (const file of ['index.js', 'testing/index.js', 'command/main.js']) {
    assert.doesNotMatch(words(file), /Usage: lease-elector (explain|list|watch)/, file);
  }
});
