/**
 * Checks that imports point one way: each rule of `biome.json` about folders reports an import against its direction.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BIOME = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A file, an import against the direction, and one in the direction. */
const IMPORTS: readonly (readonly [file: string, wrong: string, right: string])[] = [
  ['src/core/candidate.ts', '../driver/ports.ts', './state.ts'],
  ['src/runtime/random.ts', '../errors.ts', './clock.ts'],
  ['src/driver/driver.ts', '../errors.ts', '../core/election.ts'],
  ['src/kube/connect.ts', '../driver/driver.ts', '../driver/ports.ts'],
  ['src/joining/sibling-lock.ts', '../explain/wording.ts', '../kube/identity.ts'],
  ['src/leadership/confirm.ts', '../kube/connect.ts', '../driver/driver.ts'],
  ['src/explain/wording.ts', '../driver/driver.ts', '../core/state.ts'],
  ['src/metrics/elector-metrics.ts', '../kube/connect.ts', '../explain/explanation.ts'],
  ['src/publishing/publisher.ts', '../kube/connect.ts', '../driver/ports.ts'],
  ['src/endpoint/reply.ts', '../core/state.ts', '../options.ts'],
  ['src/command/apiserver.ts', '../driver/driver.ts', '../testing/index.ts'],
  ['src/lease-elector.ts', './testing/index.ts', './driver/driver.ts'],
  ['src/testing/kit/embedded-pod.ts', '../../core/state.ts', '../server/api-server.ts'],
  ['src/testing/kit/faults/fault.ts', '../../../errors.ts', '../../objects/status.ts'],
  ['src/testing/timeline/markup.ts', '../objects/status.ts', './timeline-event.ts'],
  ['src/testing/server/api-server.ts', '../kit/embedded-pod.ts', '../handlers/routes.ts'],
  ['src/testing/handlers/read.ts', '../server/api-server.ts', '../storage/store.ts'],
  ['src/testing/controllers/control-plane.ts', '../handlers/read.ts', '../storage/registry.ts'],
  ['src/testing/access/tokens.ts', '../handlers/routes.ts', '../storage/store.ts'],
  ['src/testing/storage/store.ts', '../access/tokens.ts', '../formats/patch.ts'],
  ['src/testing/formats/patch.ts', '../storage/store.ts', '../kinds/strategy.ts'],
  ['src/testing/kinds/strategy.ts', '../formats/patch.ts', '../objects/status.ts'],
  ['src/testing/objects/status.ts', '../kinds/strategy.ts', '../../runtime/clock.ts'],
];

/** The files that the linter rejects because of their imports. The files are written to a separate directory. */
function rejected(files: ReadonlyMap<string, string>): ReadonlySet<string> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lease-elector-directions-'));
  try {
    for (const name of ['biome.json', 'tools/no-clock-no-chance.grit']) {
      cpSync(path.join(ROOT, name), path.join(directory, name));
    }
    for (const [file, imported] of files) {
      mkdirSync(path.join(directory, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(directory, file), `import '${imported}';\n`);
    }
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [BIOME, 'lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'],
      { cwd: directory, encoding: 'utf8' },
    );
    assert.notEqual(stdout, '', stderr);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
    const imports = diagnostics.filter(({ category }) => category === 'lint/style/noRestrictedImports');
    return new Set(imports.map(({ location }) => location.path.replaceAll('\\', '/')));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const inPlace = (file: string, name: string): string => `${path.posix.dirname(file)}/${name}`;

test('the linter rejects each import against its direction, and no other', () => {
  const files = new Map<string, string>();
  const expected = new Set<string>();
  for (const [index, [file, wrong, right]] of IMPORTS.entries()) {
    files.set(inPlace(file, `wrong-${index}.ts`), wrong).set(inPlace(file, `right-${index}.ts`), right);
    expected.add(inPlace(file, `wrong-${index}.ts`));
  }
  assert.deepEqual(rejected(files), expected);
});
