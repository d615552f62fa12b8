/**
 * `lease-elector apiserver` as a separate process, for clients outside of the test.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';

const TOOL = path.join(import.meta.dirname, '../../src/command/main.ts');
/** The longest wait for a line of the server's output, in milliseconds. */
const LINE_TIMEOUT_MS = 15_000;

/** A running server with its temporary folder. */
export class ApiServerProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  #output = '';
  #waiting: (() => void)[] = [];

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const look of this.#waiting.splice(0)) look();
      });
    }
  }

  /** Starts a server that has these namespaces and prints its requests. */
  static async start(namespaces: readonly string[]): Promise<ApiServerProcess> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'lease-elector-kubectl-'));
    const flags = namespaces.flatMap((namespace) => ['--namespace', namespace]);
    const kubeconfig = path.join(folder, 'kubeconfig');
    const child = spawn(process.execPath, [TOOL, 'apiserver', '--log', '--kubeconfig', kubeconfig, ...flags]);
    const server = new ApiServerProcess(folder, child);
    await server.line(/^kubectl --kubeconfig/m);
    return server;
  }

  get kubeconfig(): string {
    return path.join(this.folder, 'kubeconfig');
  }

  /** Resolves when the output has a matching line. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const deadlineMs = systemClock.nowMs() + LINE_TIMEOUT_MS;
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      const leftMs = deadlineMs - systemClock.nowMs();
      if (leftMs <= 0) throw new Error(`no line like ${pattern} in:\n${this.#output}`);
      await new Promise<void>((resolve) => {
        const timer = systemClock.setTimer(leftMs, resolve);
        this.#waiting.push(() => {
          timer.cancel();
          resolve();
        });
      });
    }
  }

  /** Sends a request as the administrator, and throws when it fails. */
  async send(method: string, requestPath: string, body?: unknown, contentType = 'application/json'): Promise<void> {
    const [, url = ''] = await this.line(/^API server: (.*)$/m);
    const [, token = ''] = await this.line(/^admin token: (.*)$/m);
    const ca = await readFile(path.join(this.folder, 'ca.crt'));
    await new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': contentType };
      const request = https.request(`${url}${requestPath}`, { method, ca, headers, agent: false }, (response) => {
        response.resume();
        const failed = (response.statusCode ?? 500) >= 300;
        const what = `${method} ${requestPath}: ${response.statusCode}`;
        response.on('error', reject);
        response.on('close', () => (failed || !response.complete ? reject(new Error(what)) : resolve()));
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Interrupts the server like Ctrl-C, and returns its exit code. */
  async stop(): Promise<number | null> {
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGINT');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
    return this.#child.exitCode;
  }
}
