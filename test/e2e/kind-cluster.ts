/**
 * A new kind cluster with the example application, installed as documented: image, manifests, replicas.
 */

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ENDPOINT_PORT } from '../../src/command/installation.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { UnsuitableError } from './scenario-run.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../..');
/** Name of the application, of its namespace and of its Lease. */
const APPLICATION = 'elector';
/** The longest time for the build of an image, the creation of a cluster, or a rollout, in milliseconds. */
const LONG_COMMAND_MS = 600_000;
/** The maximum output of a command, in bytes. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
/** The interval between two checks of a condition, in milliseconds. */
const LOOK_INTERVAL_MS = 500;

/** The leader: the Pod that owns the Lease. */
export interface Holder {
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  /** The uid of the Lease. Another uid is another term. */
  readonly leaseUid: string;
}

interface Listed {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string };
}

/** Throws when a required program does not work here. */
export async function checkPrograms(): Promise<void> {
  for (const [program, args, why] of [
    ['docker', ['info'], 'Docker does not run here. Install Docker and start its daemon'],
    ['kind', ['version'], 'kind is not installed here. Install it from https://kind.sigs.k8s.io'],
    ['kubectl', ['version', '--client'], 'kubectl is not installed here. Install it'],
  ] as const) {
    try {
      await run(program, args, { timeout: 30_000 });
    } catch {
      throw new UnsuitableError(`${why}. Nothing was tested`);
    }
  }
}

/** The cluster. */
export class KindCluster {
  readonly name: string = `lease-elector-${randomBytes(3).toString('hex')}`;
  readonly #interrupted: AbortSignal;
  #directory: string | null = null;
  #hasImage = false;
  #hasCluster = false;

  constructor(interrupted: AbortSignal) {
    this.#interrupted = interrupted;
  }

  get #image(): string {
    return `${this.name}:e2e`;
  }

  async #run(program: string, args: readonly string[], directory: string = ROOT): Promise<string> {
    const { stdout } = await run(program, [...args], {
      cwd: directory,
      signal: this.#interrupted,
      timeout: LONG_COMMAND_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return stdout;
  }

  /** Runs kubectl in the namespace of the application. */
  kubectl(...args: readonly string[]): Promise<string> {
    const kubeconfig = path.join(this.#directory ?? '', 'kubeconfig');
    return this.#run('kubectl', ['--kubeconfig', kubeconfig, '--namespace', APPLICATION, ...args]);
  }

  docker(...args: readonly string[]): Promise<string> {
    return this.#run('docker', args);
  }

  /** Builds the image from deploy/Dockerfile, creates the cluster, and installs the application. */
  async prepare(): Promise<void> {
    this.#directory = await mkdtemp(path.join(tmpdir(), 'lease-elector-kind-'));
    const kubeconfig = path.join(this.#directory, 'kubeconfig');
    await this.#buildImage(this.#directory);
    this.#hasCluster = true;
    const config = path.join(ROOT, 'kind-config.yaml');
    const flags = ['--name', this.name, '--config', config, '--kubeconfig', kubeconfig, '--wait', '300s'];
    await this.#run('kind', ['create', 'cluster', ...flags]);
    await this.#run('kind', ['load', 'docker-image', this.#image, '--name', this.name]);
    await this.kubectl('create', 'namespace', APPLICATION);
    const command = [
      'src/command/main.ts',
      'manifests',
      '--name',
      APPLICATION,
      '-n',
      APPLICATION,
      '--image',
      this.#image,
    ];
    await this.feed(await this.#run(process.execPath, [...command, '--with-admission-policy']), 'apply');
    await this.rolledOut();
  }

  async #buildImage(directory: string): Promise<void> {
    const context = path.join(directory, 'context');
    await cp(path.join(ROOT, 'examples/installation'), context, { recursive: true });
    await this.#run('npm', ['run', 'build']);
    const packed = await this.#run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', context]);
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    await this.#run('npm', ['install', '--package-lock-only', `./${filename}`], context);
    this.#hasImage = true;
    await this.docker('build', '--file', path.join(ROOT, 'deploy/Dockerfile'), '--tag', this.#image, context);
  }

  /** Runs kubectl with an input. */
  async feed(input: string, ...args: readonly string[]): Promise<void> {
    const kubeconfig = path.join(this.#directory ?? '', 'kubeconfig');
    const child = spawn('kubectl', ['--kubeconfig', kubeconfig, ...args, '-f', '-'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}`);
  }

  /** Waits until each replica is ready. */
  async rolledOut(): Promise<void> {
    await this.kubectl('rollout', 'status', `deployment/${APPLICATION}`, '--timeout=300s');
  }

  async rollOut(): Promise<void> {
    await this.kubectl('rollout', 'restart', `deployment/${APPLICATION}`);
    await this.rolledOut();
  }

  /** The running Pods, by uid. */
  async pods(): Promise<ReadonlyMap<string, Listed>> {
    const listed = await this.kubectl('get', 'pods', '-l', `app.kubernetes.io/name=${APPLICATION}`, '-o', 'json');
    const { items } = JSON.parse(listed) as { items: Listed[] };
    return new Map(items.map((pod) => [pod.metadata.uid, pod]));
  }

  /** The leader, or `undefined`. */
  async holder(): Promise<Holder | undefined> {
    const text = await this.kubectl('get', 'leases', APPLICATION, '--ignore-not-found', '-o', 'json');
    if (text === '') return undefined;
    const { metadata } = JSON.parse(text) as {
      metadata: { uid: string; ownerReferences?: readonly { name: string; uid: string }[] };
    };
    const [owner] = metadata.ownerReferences ?? [];
    if (owner === undefined) return undefined;
    const node = (await this.pods()).get(owner.uid)?.spec.nodeName ?? '';
    return { pod: owner.name, uid: owner.uid, node, leaseUid: metadata.uid };
  }

  /**
   * The Pods that report in their metrics that they lead. A hand-over during a reading looks like two leaders. So two
   * leaders are read again, and only Pods that led in both readings count.
   */
  async leadingPods(): Promise<readonly string[]> {
    const first = await this.#readLeadingPods();
    if (first.length < 2) return first;
    const second = await this.#readLeadingPods();
    return second.filter((pod) => first.includes(pod));
  }

  async #readLeadingPods(): Promise<readonly string[]> {
    const leadingPods: string[] = [];
    for (const { metadata, status } of (await this.pods()).values()) {
      if (status.phase !== 'Running') continue;
      const proxy = `/api/v1/namespaces/${APPLICATION}/pods/${metadata.name}:${ENDPOINT_PORT}/proxy/metrics`;
      // A Pod that is ending or on a lost node does not answer.
      const metrics = await this.kubectl('get', '--raw', proxy, '--request-timeout=5s').catch(() => '');
      if (/^leader_election_master_status\{.*\} 1$/m.test(metrics)) leadingPods.push(metadata.name);
    }
    return leadingPods;
  }

  /** Waits for a condition. */
  async until<Value>(what: string, timeoutMs: number, look: () => Promise<Value | undefined | false>): Promise<Value> {
    const endMs = systemClock.nowMs() + timeoutMs;
    for (;;) {
      this.#interrupted.throwIfAborted();
      const value = await look();
      if (value !== undefined && value !== false) return value;
      if (systemClock.nowMs() > endMs) throw new Error(`not within ${timeoutMs / 1_000} s: ${what}`);
      await pause(LOOK_INTERVAL_MS);
    }
  }

  /** Removes cluster, image and files, in any state. */
  async remove(): Promise<void> {
    const failures: string[] = [];
    const attempt = async (program: string, args: readonly string[]): Promise<void> => {
      try {
        await run(program, [...args], { timeout: LONG_COMMAND_MS });
      } catch (error) {
        failures.push(`Run ${program} ${args.join(' ')} (${(error as Error).message.split('\n')[0]})`);
      }
    };
    if (this.#hasCluster) await attempt('kind', ['delete', 'cluster', '--name', this.name]);
    if (this.#hasImage) await attempt('docker', ['image', 'rm', '--force', this.#image]);
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
    if (failures.length > 0) throw new Error(`not everything could be removed. ${failures.join('. ')}`);
  }
}
