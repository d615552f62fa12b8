/**
 * Runs `npm run e2e` for its tests, with its own temporary directory, and starts an embedded server for it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { ApiServer, NAMESPACES } from '../../src/testing/index.ts';

const PROGRAM = path.join(import.meta.dirname, 'run.ts');
/** How long one run may take on a busy machine. */
export const TIMEOUT: { readonly timeout: number } = { timeout: 110_000 };

/** The result of a run. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The temporary files that are still there. */
  readonly filesLeft: readonly string[];
}

/** Runs `npm run e2e` with its own temporary directory. `act.do` is called when stderr contains `act.on`. */
export async function runE2e(
  t: TestContext,
  kubeconfig: string | undefined,
  flags: readonly string[] = [],
  act?: { readonly on: string; readonly do: (child: ChildProcess) => void },
): Promise<Ended> {
  const temporary = directoryOf(t);
  const child = spawn(process.execPath, [PROGRAM, ...flags], {
    env: {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: temporary,
      NODE_COMPILE_CACHE: path.join(import.meta.dirname, '../../node_modules/.cache/compile'),
      ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }),
    },
  });
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr, hasActed] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (act === undefined || hasActed || !stderr.includes(act.on)) return;
    hasActed = true;
    act.do(child);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr, filesLeft: readdirSync(temporary) };
}

/** A directory that is removed after the test. */
export function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-e2e-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A cluster in this process, and its kubeconfig as a file. */
export async function embedded(t: TestContext): Promise<{ readonly cluster: ApiServer; readonly kubeconfig: string }> {
  const cluster = new ApiServer();
  await cluster.start({ host: '127.0.0.1' });
  t.after(() => cluster.stop());
  const kubeconfig = path.join(directoryOf(t), 'kubeconfig');
  writeFileSync(kubeconfig, cluster.kubeconfig());
  return { cluster, kubeconfig };
}

/** The namespaces of runs that the cluster still has. */
export function namespacesLeft(cluster: ApiServer): readonly string[] {
  const names = cluster.store.list(NAMESPACES).map(({ metadata }) => metadata.name);
  return names.filter((name) => name.startsWith('lease-elector-e2e-'));
}
