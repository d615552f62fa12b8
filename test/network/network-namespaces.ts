/**
 * Two network namespaces with a virtual cable between them: one for the API server, one for a Pod. They need Linux,
 * root and `ip`. `NetworkNamespaces.make` returns which of these is missing.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Launcher } from '../integration/candidate-process.ts';
import type { TestCluster, TestPod } from '../integration/cluster.ts';
import { until } from '../worlds/until.ts';

const RELAY = fileURLToPath(new URL('./network-relay.ts', import.meta.url));
/** The directory that `ip netns exec` mounts over `/etc` for the processes of a namespace. */
const NAMESPACE_FILES = '/etc/netns';
/** A host name in the certificate of the embedded API server. */
const SERVER_NAME = 'kubernetes.default.svc';
const SERVER_PORT = 6443;
/** Addresses of the block for documentation (RFC 5737). No route leads out of the namespaces. */
const SERVER_ADDRESS = '192.0.2.1';
const POD_ADDRESS = '192.0.2.2';
/** A hardware address that no network card has. */
const UNUSED_HARDWARE_ADDRESS = '02:00:00:00:00:99';

/** The ways to lose packets. */
export type Loss = 'link down' | 'answers lost' | 'requests lost';

/** The created namespaces and files, until the test ends. */
export class NetworkNamespaces {
  readonly #server: string;
  readonly #pod: string;
  readonly #sockets = new Set<Socket>();

  private constructor(serverNamespace: string, podNamespace: string) {
    this.#server = serverNamespace;
    this.#pod = podNamespace;
  }

  /** Creates the namespaces and makes the API server reachable. Returns the reason when that is not possible here. */
  static async make(t: TestContext, cluster: TestCluster, mark: string): Promise<NetworkNamespaces | string> {
    if (process.platform !== 'linux') return 'network namespaces exist only on Linux';
    if (process.getuid?.() !== 0) return 'only root can create network namespaces';
    if (spawnSync('ip', ['netns', 'list']).status !== 0) return '`ip netns` does not work here (package iproute2)';
    // The name of a network interface has at most 15 characters.
    const name = `le${process.pid}${mark}`;
    const namespaces = new NetworkNamespaces(`${name}s`, `${name}p`);
    t.after(() => namespaces.#remove());
    try {
      namespaces.#createCable();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    await namespaces.#startRelay(t, cluster);
    return namespaces;
  }

  /** Runs a process in the namespace of the Pod. */
  readonly launch: Launcher = (program, argument, env) =>
    spawn('ip', ['netns', 'exec', this.#pod, process.execPath, program, argument], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });

  /** The environment variables that the kubelet would set. */
  podBehind(pod: TestPod): TestPod {
    const environment = { KUBERNETES_SERVICE_HOST: SERVER_NAME, KUBERNETES_SERVICE_PORT: String(SERVER_PORT) };
    return { ...pod, environment };
  }

  /** Loses packets in this way from now on, without an error at either end. */
  lose(loss: Loss): void {
    if (loss === 'link down') ip('-n', this.#server, 'link', 'set', this.#server, 'down');
    else this.#misdirect(loss, 'replace', 'lladdr', UNUSED_HARDWARE_ADDRESS, 'nud', 'permanent');
  }

  /** Ends the loss of packets. */
  restore(loss: Loss): void {
    if (loss === 'link down') ip('-n', this.#server, 'link', 'set', this.#server, 'up');
    else this.#misdirect(loss, 'del');
  }

  /** Packets to a hardware address that does not exist are lost without an error, as in a broken switch. */
  #misdirect(loss: Exclude<Loss, 'link down'>, action: string, ...rest: readonly string[]): void {
    const [namespace, address] = loss === 'answers lost' ? [this.#server, POD_ADDRESS] : [this.#pod, SERVER_ADDRESS];
    ip('-n', namespace, 'neigh', action, address, 'dev', namespace, ...rest);
  }

  /** The cable's ends have the names of their namespaces. */
  #createCable(): void {
    for (const namespace of [this.#server, this.#pod]) ip('netns', 'add', namespace);
    ip('-n', this.#server, 'link', 'add', this.#server, 'type', 'veth', 'peer', 'name', this.#pod, 'netns', this.#pod);
    for (const [namespace, address] of [
      [this.#server, SERVER_ADDRESS],
      [this.#pod, POD_ADDRESS],
    ] as const) {
      ip('-n', namespace, 'address', 'add', `${address}/30`, 'dev', namespace);
      ip('-n', namespace, 'link', 'set', namespace, 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    mkdirSync(join(NAMESPACE_FILES, this.#pod), { recursive: true });
    writeFileSync(join(NAMESPACE_FILES, this.#pod, 'hosts'), `127.0.0.1 localhost\n${SERVER_ADDRESS} ${SERVER_NAME}\n`);
  }

  async #startRelay(t: TestContext, cluster: TestCluster): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'lease-elector-netns-'));
    const path = join(directory, 'apiserver.sock');
    const server = createServer((socket) => this.#forward(socket, cluster.port));
    server.listen(path);
    await once(server, 'listening');
    t.after(() => {
      this.#stopForwarding(server);
      rmSync(directory, { recursive: true, force: true });
    });
    const command = ['netns', 'exec', this.#server, process.execPath, RELAY, SERVER_ADDRESS, String(SERVER_PORT), path];
    const relay: ChildProcess = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => relay.kill('SIGKILL'));
    let isListening = false;
    relay.stdout?.once('data', () => {
      isListening = true;
    });
    await until('the relay listens', () => isListening);
  }

  #forward(socket: Socket, port: number): void {
    const onward = openSocket(port, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => this.#sockets.delete(from));
      from.pipe(to);
    }
  }

  #stopForwarding(server: Server): void {
    server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Removes everything that was created. */
  #remove(): void {
    for (const namespace of [this.#server, this.#pod]) {
      // A missing namespace is not an error.
      spawnSync('ip', ['netns', 'delete', namespace]);
    }
    rmSync(join(NAMESPACE_FILES, this.#pod), { recursive: true, force: true });
    try {
      rmdirSync(NAMESPACE_FILES);
    } catch {
      // The directory has other files, or does not exist.
    }
  }
}

/** Runs `ip`. @throws {Error} with its output */
function ip(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
