/**
 * Gets the authorization of requests: one call at a time for all that wait, and no wait without a bound.
 *
 * The authorization itself comes from `credentials.ts`.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Authorization } from './authorization.ts';
import type { Credentials } from './credentials.ts';

/** A call without a result is given up after this many request time-outs; then another call is permitted. */
export const HUNG_AFTER_TIMEOUTS = 6;

/** How many calls that were given up may still be open. Each can be a plug-in process that hangs. */
export const HUNG_LIMIT = 3;

/** The authorization of all requests of one client. */
export class SharedAuthorization {
  readonly #credentials: Credentials;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #question: Question | null = null;
  #open = 0;

  constructor(credentials: Credentials, timeoutMs: number, clock: Clock) {
    this.#credentials = credentials;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Rejects when there are no credentials, or when they do not arrive within the time-out. */
  async get(): Promise<Authorization> {
    const { promise } = this.#ask();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(this.#timeoutMs, () =>
        reject(
          new Error(
            `the credentials were not available within ${this.#timeoutMs} ms. Look at the kubeconfig's credential plug-in: it may wait for an input or for its own server`,
          ),
        ),
      );
      void promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** The API server refused the last authorization: the next `get` fetches another one. */
  distrust(): void {
    this.#credentials.distrust();
    if (this.#open < HUNG_LIMIT) this.#question = null;
  }

  #ask(): Question {
    const nowMs = this.#clock.nowMs();
    const { timeoutMs, question } = { timeoutMs: this.#timeoutMs, question: this.#question };
    const isHung = question !== null && nowMs - question.askedAtMs >= HUNG_AFTER_TIMEOUTS * timeoutMs;
    if (question !== null && !(isHung && this.#open < HUNG_LIMIT)) return question;
    const asked: Question = { askedAtMs: nowMs, promise: authorizationOf(this.#credentials) };
    this.#question = asked;
    this.#open += 1;
    const noteAnswer = (): void => {
      this.#open -= 1;
      if (this.#question === asked) this.#question = null;
    };
    asked.promise.then(noteAnswer, noteAnswer);
    return asked;
  }
}

interface Question {
  readonly askedAtMs: number;
  readonly promise: Promise<Authorization>;
}

async function authorizationOf(credentials: Credentials): Promise<Authorization> {
  try {
    return await credentials.authorize();
  } catch (error) {
    // A plug-in's output is parsed as JSON, and the error of the parser quotes it, including the token.
    if (error instanceof SyntaxError) throw new Error("the output of the kubeconfig's credential plug-in is not JSON");
    throw error;
  }
}
