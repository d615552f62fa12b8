/**
 * Writes to the application's own logger: one structured line for each warning, error, election and hand-over.
 *
 * A failing logger has no effect on the election.
 */

import { inspect } from 'node:util';
import type { DemotionReason } from '../core/effect.ts';
import type { LeaseElectorError } from '../errors.ts';
import type { Leader, Stall, Term, Warning, WarningCode } from '../events.ts';
import { debugLog } from '../runtime/debug-log.ts';
import { inspected, wordsOf } from '../runtime/quotation.ts';

const log = debugLog('lease-elector');

/** One line. Its values are plain, so every logger can write them. */
export interface LogFields {
  /** The name of an event of the elector, such as `elected`. */
  readonly event: string;
  /** A sentence for people; absent if the logger receives it as its second argument. */
  readonly message?: string;
  /** Further fields: `lease`, `namespace`, `pod`, and those of the event. */
  readonly [name: string]: string | number | boolean | null | undefined;
}

/**
 * A logger of the application. `console`, winston and pino are loggers, and so is every object with these methods.
 *
 * A method is called with one object, whose `message` is a sentence. A logger with a method `bindings`, such as pino,
 * receives the sentence as its second argument.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector({
 *   logger: {
 *     debug: () => {},
 *     info: (fields) => console.log(JSON.stringify(fields)),
 *     warn: (fields) => console.warn(JSON.stringify(fields)),
 *     error: (fields) => console.error(JSON.stringify(fields)),
 *   },
 * });
 * await elector.start();
 * ```
 */
export interface Logger {
  /** Receives renewals. */
  debug(fields: LogFields, message?: string): unknown;
  /** Receives elections, hand-overs, and the ends of problems. */
  info(fields: LogFields, message?: string): unknown;
  /** Receives warnings, stalls, silent leaders, and the end of a term that this process lost. */
  warn(fields: LogFields, message?: string): unknown;
  /** Receives errors. */
  error(fields: LogFields, message?: string): unknown;
}

type Level = keyof Logger;

/** The election to which the lines belong. */
export interface LogSubject {
  readonly pod: { readonly name: string };
  readonly namespace: string;
  readonly lease: string;
}

/** The reasons of a term whose end the application has requested. */
const WANTED: ReadonlySet<DemotionReason> = new Set(['stopped', 'stepped-down']);

/** Warnings that report the end of a problem. */
const ENDS: ReadonlySet<WarningCode> = new Set(['refusal-over', 'api-reachable', 'writes-accepted', 'clock-skew-over']);

/** The lines of one elector. */
export class ApplicationLog {
  readonly #logger: Logger | undefined;
  #subject: LogSubject | null = null;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** Adds the Lease and the Pod to every further line. */
  about(subject: LogSubject): void {
    this.#subject = subject;
  }

  elected({ fencingToken, resumed, leaseUid }: Term): void {
    const again = resumed ? ' again, after a restart of its container' : '';
    this.#write('info', `This process leads ${this.#lease}${again}.`, {
      event: 'elected',
      fencingToken: String(fencingToken),
      resumed,
      leaseUid,
    });
  }

  demoted({ fencingToken, leaseUid }: Term, reason: DemotionReason): void {
    this.#write(WANTED.has(reason) ? 'info' : 'warn', `This process no longer leads ${this.#lease}: ${reason}.`, {
      event: 'demoted',
      reason,
      fencingToken: String(fencingToken),
      leaseUid,
    });
  }

  leaderChanged(leader: Leader | null): void {
    const message = leader === null ? `Nobody leads ${this.#lease}.` : `${leader.name} leads ${this.#lease}.`;
    this.#write('info', message, {
      event: 'leaderChanged',
      leader: leader?.name ?? null,
      leaderUid: leader?.uid ?? null,
    });
  }

  renewed({ name }: Leader): void {
    this.#write('debug', `${name} renewed ${this.#lease}.`, { event: 'renewed', leader: name });
  }

  stale({ name, renewTimeAgeMs }: Leader): void {
    const silentForMs = renewTimeAgeMs === null ? null : Math.round(renewTimeAgeMs);
    this.#write('warn', `${name} leads ${this.#lease}, but has stopped renewing it.`, {
      event: 'stale',
      leader: name,
      silentForMs,
    });
  }

  stalled({ cause, forMs }: Stall): void {
    const seconds = Math.round(forMs / 1000);
    const message =
      cause === 'progress'
        ? `The work of this process, which leads ${this.#lease}, has made no progress for ${seconds} s.`
        : `This process was suspended for ${seconds} s.`;
    this.#write('warn', message, { event: 'stalled', cause, forMs: Math.round(forMs) });
  }

  recovered({ name }: Leader): void {
    this.#write('info', `${name} renews ${this.#lease} again.`, { event: 'recovered', leader: name });
  }

  warning({ code, message }: Warning): void {
    // The end of a problem is not a warning in a log.
    this.#write(ENDS.has(code) ? 'info' : 'warn', message, { event: 'warning', code });
  }

  error(error: LeaseElectorError): void {
    const { code, message, cause } = error;
    this.#write('error', message, {
      event: 'error',
      code,
      ...(cause === undefined ? {} : { cause: wordsOf(cause) }),
      stack: inspected(error),
    });
  }

  stopped(): void {
    this.#write('info', 'The elector has stopped.', { event: 'stopped' });
  }

  get #lease(): string {
    return this.#subject === null ? 'the Lease' : `Lease ${this.#subject.namespace}/${this.#subject.lease}`;
  }

  #write(level: Level, message: string, fields: LogFields): void {
    const logger = this.#logger;
    if (logger === undefined) return;
    try {
      const subject = this.#subject;
      const place = subject && { lease: subject.lease, namespace: subject.namespace, pod: subject.pod.name };
      const all = { ...fields, ...place };
      const outcome = takesFieldsFirst(logger)
        ? logger[level](all, message)
        : logger[level](new PrintedLine(message, all) as unknown as LogFields);
      // A method may be asynchronous, and its promise has no other handler.
      void Promise.resolve(outcome).catch(noteFailure);
    } catch (error) {
      noteFailure(error);
    }
  }
}

/**
 * pino, and loggers that wrap it (Fastify), take the message as the second argument. With the message in the object, an
 * empty message would be printed.
 */
function takesFieldsFirst(logger: Logger): boolean {
  return 'bindings' in logger && typeof logger.bindings === 'function';
}

/** An object that `console` prints on one line. */
class PrintedLine {
  readonly message: string;

  constructor(message: string, fields: LogFields) {
    this.message = message;
    Object.assign(this, fields);
  }

  [inspect.custom](): string {
    const { message, ...fields } = this;
    return `lease-elector: ${message} ${inspect(fields, { breakLength: Number.POSITIVE_INFINITY, compact: true })}`;
  }
}

function noteFailure(error: unknown): void {
  log('the logger failed: %o', error);
}
