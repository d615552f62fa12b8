/**
 * Gets the authorization of requests. All waiting requests share one call, and every wait has a limit.
 *
 * The authorization itself comes from `credentials.ts`.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Authorization } from './authorization.ts';
import type { Credentials } from './credentials.ts';

/** After this many request time-outs without a result, a call counts as hanging, and another call is permitted. */
export const HUNG_AFTER_TIMEOUTS = 6;

/** The largest number of open calls. Each can be a plug-in process that hangs. */
export const HUNG_LIMIT = 3;

/** The authorization of all requests over the same connections. */
export class SharedAuthorization {
  readonly #credentials: Credentials;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #question: Question | null = null;
  #open = 0;
  /** The number of times that the API server has refused the newest authorization. */
  #refusals = 0;
  /** For each authorization, the number of refusals when it was requested. */
  readonly #ages = new WeakMap<Authorization, number>();

  constructor(credentials: Credentials, timeoutMs: number, clock: Clock) {
    this.#credentials = credentials;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /**
   * Returns the authorization. Rejects when there are no credentials, or when they are not available within the
   * time-out.
   */
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

  /**
   * Called when the API server has refused this authorization. The next `get` returns another one. If several requests
   * are refused with the same authorization, only the first refusal counts.
   */
  distrust(refused: Authorization): void {
    if ((this.#ages.get(refused) ?? this.#refusals) < this.#refusals) return;
    this.#refusals += 1;
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
    const age = this.#refusals;
    const noteAnswer = (): void => {
      this.#open -= 1;
      if (this.#question === asked) this.#question = null;
    };
    asked.promise.then((authorization) => {
      this.#ages.set(authorization, age);
      noteAnswer();
    }, noteAnswer);
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
    // The output of a plug-in is parsed as JSON. The error of the parser quotes the output, including the token.
    if (error instanceof SyntaxError) throw new Error("the output of the kubeconfig's credential plug-in is not JSON");
    throw error;
  }
}
