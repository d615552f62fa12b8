/**
 * What the application's own logger is told: one structured line for each warning, error, election and hand-over.
 *
 * A logger that fails changes nothing.
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
  /** What the line is about: the name of an event of the elector, such as `elected`. */
  readonly event: string;
  /** A sentence for people; absent where the logger is given it as its second argument. */
  readonly message?: string;
  readonly [name: string]: string | number | boolean | null | undefined;
}

/**
 * A logger of the application: `console`, winston and pino fit, and so does every object with these methods.
 *
 * A method is called with one object, whose `message` is a sentence. pino, which is known by its method `bindings`, is
 * given the sentence as its second argument.
 */
export interface Logger {
  debug(fields: LogFields, message?: string): unknown;
  info(fields: LogFields, message?: string): unknown;
  warn(fields: LogFields, message?: string): unknown;
  error(fields: LogFields, message?: string): unknown;
}

type Level = keyof Logger;

/** Which election the lines are about, once it is known. */
export interface LogSubject {
  readonly pod: { readonly name: string };
  readonly namespace: string;
  readonly lease: string;
}

/** These ends of a term are what somebody asked for. */
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

  /** Every further line names them. */
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
        : `This process stood still for ${seconds} s.`;
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
      // A method may be asynchronous, and nobody else waits for it.
      void Promise.resolve(outcome).catch(noteFailure);
    } catch (error) {
      noteFailure(error);
    }
  }
}

/** pino, and loggers that wrap it (Fastify), take the message second. With it in the object they print an empty one. */
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
