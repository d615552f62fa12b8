/**
 * The sibling lock: only one process per Pod campaigns. It is an abstract Unix socket named after the Pod's uid and the
 * Lease.
 *
 * All containers of a Pod share it. The kernel frees it whenever its holder dies. The core decides what a sibling may
 * do.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { retryDelayMs } from '../core/retry-delay.ts';
import type {
  SiblingLockDetail,
  SiblingLockHolder,
  SiblingLockListener,
  SiblingLockOutcome,
  SiblingLockPort,
} from '../driver/ports.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { debugLog } from '../runtime/debug-log.ts';
import type { Random } from '../runtime/random.ts';
import { isShortage } from '../runtime/shortage.ts';

const debug = debugLog('lease-elector:sibling');

/**
 * The largest number of siblings that can be connected to the holder. A further sibling is rejected, and tries again
 * with back-off.
 */
const WAITING_SIBLINGS_LIMIT = 64;

/** If the connection to the holder lasted less than this many milliseconds, the next attempt is delayed. */
const SHORT_WAIT_MS = 1_000;

/**
 * The number of quick attempts before the back-off begins, and the delay before each, in milliseconds.
 *
 * When a process dies, the kernel may close its connections a moment before it frees the name (seen on Linux 6, one
 * time in ten).
 */
const PROMPT_ATTEMPTS = 3;
const PROMPT_DELAY_MS = 10;

/** The size of `sun_path` in a Unix socket address, in bytes (Linux, unix(7)). */
const SOCKET_PATH_LIMIT_BYTES = 108;

/**
 * The error codes of a kernel without the system call or without Unix sockets. All containers of the Pod share that
 * kernel, so no sibling holds the lock. Every other error may concern only this process, so a sibling may hold the
 * lock. Examples are EACCES, EPERM or EINVAL from a seccomp profile or a security module.
 */
const ABSENCES: ReadonlySet<string> = new Set(['ENOSYS', 'EAFNOSUPPORT']);

/** The functions of `node:net` that the lock uses. A test replaces them. */
export type SocketFunctions = Pick<typeof import('node:net'), 'connect' | 'createServer'>;

/** The parts of the lock's name, and the dependencies of the lock. */
export interface SiblingLockOptions {
  readonly podUid: string;
  readonly namespace: string;
  readonly lease: string;
  readonly clock: Clock;
  readonly random: Random;
  /** @default process.platform */
  readonly platform?: NodeJS.Platform;
  /** @default those of `node:net` */
  readonly net?: SocketFunctions;
}

/** The lock of one Pod and one Lease. */
export function siblingLock(options: SiblingLockOptions): SiblingLockPort {
  return new SiblingLock(options);
}

/**
 * The address of the socket: `\0lease-elector/<pod uid>/<hash of namespace and Lease>`. The first byte makes it
 * abstract (unix(7)).
 *
 * Namespace and Lease are hashed, because together they can be longer than an address. A uid that is too long, because
 * it is not a UUID, is also hashed.
 */
export function siblingSocketPath(podUid: string, namespace: string, lease: string): string {
  const tail = `/${shortHash(`${namespace}/${lease}`)}`;
  const path = `\0lease-elector/${podUid}${tail}`;
  return Buffer.byteLength(path) < SOCKET_PATH_LIMIT_BYTES ? path : `\0lease-elector/${shortHash(podUid)}${tail}`;
}

function shortHash(text: string): string {
  // The module is not imported, because an import would also load all of Web Crypto.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

class SiblingLock implements SiblingLockPort {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #supported: boolean;
  readonly #net: SocketFunctions;
  /** The listener of the claim; `null` while the lock is not claimed. Late events of sockets are then ignored. */
  #outcome: SiblingLockListener | null = null;
  #server: Server | null = null;
  #waiting: Set<Socket> = new Set();
  #holderConnection: Socket | null = null;
  #timer: Timer | null = null;
  #reportedTaken = false;
  #reportedRefused = false;
  /** The number of short waits in a row. */
  #attempts = 0;

  constructor(options: SiblingLockOptions) {
    this.#path = siblingSocketPath(options.podUid, options.namespace, options.lease);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#supported = (options.platform ?? process.platform) === 'linux';
    this.#net = options.net ?? { connect, createServer };
  }

  claim(listener: SiblingLockListener): void {
    this.free();
    this.#outcome = listener;
    this.#reportedTaken = false;
    this.#reportedRefused = false;
    this.#attempts = 0;
    if (this.#supported) this.#bind();
    else queueMicrotask(() => this.#notify(listener, 'unsupported'));
  }

  free(): void {
    this.#outcome = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#holderConnection?.destroy();
    this.#holderConnection = null;
    // The name is freed before the waiting siblings are disconnected, because they try to bind it immediately.
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting = new Set();
  }

  /**
   * Looks for the process that holds the socket. The search is rarely needed, so its file is loaded on the first call.
   */
  async findHolder(): Promise<SiblingLockHolder | null> {
    const { findSocketHolder } = await import('./sibling-lock-owner.ts');
    return findSocketHolder(this.#path);
  }

  #notify(listener: SiblingLockListener, outcome: SiblingLockOutcome, detail?: SiblingLockDetail): void {
    debug('%s', outcome);
    if (this.#outcome === listener) listener(outcome, detail);
  }

  #bind(): void {
    const listener = this.#outcome;
    if (listener === null) return;
    const waiting = this.#waiting;
    const server = this.#net.createServer((socket) => {
      // A sibling sends nothing. Its connection exists to be closed when this process dies.
      waiting.add(socket.unref());
      socket.on('error', () => {});
      socket.on('close', () => waiting.delete(socket));
      socket.resume();
    });
    server.maxConnections = WAITING_SIBLINGS_LIMIT;
    server.unref();
    this.#server = server;
    server.once('listening', () => this.#notify(listener, 'held'));
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#server !== server) return;
      if (server.listening) {
        // A failed accept (for example without free file descriptors) does not release the name.
        debug('%s', error.message);
        return;
      }
      this.#server = null;
      if (error.code === 'EADDRINUSE') this.#waitForHolder(listener);
      else this.#noteRefusal(listener, error);
    });
    // Without `exclusive`, all workers of node:cluster would share one socket of the primary.
    server.listen({ path: this.#path, exclusive: true });
  }

  #noteRefusal(listener: SiblingLockListener, error: NodeJS.ErrnoException): void {
    debug('cannot be bound: %s', error.message);
    const refusedBy = error.code ?? error.message;
    // A process that already waits is a sibling, even if the new error shows a kernel without Unix sockets.
    if (ABSENCES.has(refusedBy) && !this.#reportedTaken) {
      this.#notify(listener, 'unsupported');
      return;
    }
    // This process might be a sibling. It does not campaign because of an error, and tries again.
    if (!isShortage(error) && !this.#reportedRefused) {
      this.#reportedRefused = true;
      this.#reportedTaken = true;
      this.#notify(listener, 'taken', { refusedBy });
      // The callback may have ended the claim.
      if (this.#outcome !== listener) return;
    }
    this.#attempts += 1;
    this.#bindLater();
  }

  #waitForHolder(listener: SiblingLockListener): void {
    if (!this.#reportedTaken) {
      this.#reportedTaken = true;
      this.#notify(listener, 'taken');
      // The callback may have ended the claim.
      if (this.#outcome !== listener) return;
    }
    const openedAtMs = this.#clock.nowMs();
    const socket = this.#net.connect({ path: this.#path }).unref();
    this.#holderConnection = socket;
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => {
      if (this.#holderConnection !== socket) return;
      this.#holderConnection = null;
      const waitedLong = this.#clock.nowMs() - openedAtMs >= SHORT_WAIT_MS;
      this.#attempts = waitedLong ? 0 : this.#attempts + 1;
      // After the first short wait the bind is not delayed: the holder may have died just after this process connected.
      if (this.#attempts <= 1) this.#bind();
      else this.#bindLater();
    });
  }

  #bindLater(): void {
    const late = this.#attempts - 1 - PROMPT_ATTEMPTS;
    const afterMs = late > 0 ? retryDelayMs(late, this.#random.next()) : PROMPT_DELAY_MS;
    this.#timer = this.#clock.setTimer(afterMs, () => this.#bind(), { background: true });
  }
}
