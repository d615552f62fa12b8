/**
 * The common parts of the tests of the verbs for the person on call: a cluster, Leases in every state, and a command line.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommandLine } from '../../src/command/command-line.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type EmbeddedCluster, LEASES, type PodIdentity } from '../../src/testing/index.ts';
import { send } from '../testing/api-client.ts';

/** The result of a command line. */
export interface Ended {
  readonly code: number;
  readonly written: string;
  readonly complained: string;
}

/** The options of a run of a command line. */
export interface RunOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Receives all text that was written so far; `true` interrupts the command. */
  readonly until?: (written: string) => boolean;
}

/** Runs a command line in this process. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { environment = {}, terminal, until } = options;
  const interruption = new AbortController();
  let [written, complained] = ['', ''];
  const code = await runCommandLine(args, {
    write: (text) => {
      written += text;
      if (until?.(written) === true) interruption.abort();
    },
    complain: (text) => {
      complained += text;
    },
    interrupted: interruption.signal,
    environment,
    ...(terminal === undefined ? {} : { terminalSize: () => terminal }),
  });
  return { code, written, complained };
}

/** A file that is removed after the test. */
export function fileOf(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-on-call-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'kubeconfig');
  writeFileSync(path, text);
  return path;
}

/** A kubeconfig with another token. */
export function kubeconfigWith(cluster: EmbeddedCluster, token: string): string {
  return cluster.kubeconfig().replace(cluster.server.adminToken, token);
}

/** Sends a request to the API server as its administrator. */
export async function administer(
  cluster: EmbeddedCluster,
  method: string,
  path: string,
  body?: unknown,
  contentType = 'application/json',
): Promise<void> {
  const token = cluster.server.adminToken;
  const { status } = await send(cluster.server, method, path, body, {
    token,
    headers: { 'content-type': contentType },
  });
  assert.ok(status < 300, `${method} ${path}: ${status}`);
}

/** The wanted content of a Lease. */
export interface LeaseOptions {
  readonly namespace: string;
  readonly name?: string;
  /** The Pod that owns the Lease, or whose name is only that of the holder. */
  readonly owner?: Pick<PodIdentity, 'name' | 'uid'>;
  readonly holderIdentity?: string;
  /** Seconds since the last renewal. */
  readonly renewedAgoMs?: number;
  readonly leaseDurationSeconds?: number;
  readonly released?: string;
  readonly finalizers?: readonly string[];
}

/** Writes a Lease in any state, in the form of an elector. */
export async function createLease(cluster: EmbeddedCluster, options: LeaseOptions): Promise<void> {
  const { namespace, name = 'web', owner, holderIdentity = owner?.name, renewedAgoMs = 1_000 } = options;
  // A busy machine must not make a leader silent.
  const { leaseDurationSeconds = 3600, released, finalizers = [] } = options;
  const time = (agoMs: number): string => new Date(systemClock.wallMs() - agoMs).toISOString().replace('Z', '000Z');
  await administer(cluster, 'POST', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: LEASES.kind,
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'lease-elector' },
      finalizers,
      ...(released === undefined ? {} : { annotations: { 'lease-elector/released': released } }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid }] }),
    },
    spec: {
      holderIdentity,
      acquireTime: time(renewedAgoMs + 60_000),
      renewTime: time(renewedAgoMs),
      ...(leaseDurationSeconds === 0 ? {} : { leaseDurationSeconds }),
    },
  });
}
