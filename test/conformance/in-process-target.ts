/**
 * Replays in process, on a clock that only the replay moves. So a wait of a minute takes no real time.
 */

import { seededRandom } from '../../src/runtime/random.ts';
import { type ApiResponse, ApiServer } from '../../src/testing/index.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { type Answer, type Exchange, LineReader, type Target, type WatchView } from './target.ts';

/** The duration of an exchange, in milliseconds. The garbage collector works during that time. */
const EXCHANGE_MS = 1;
/** While an answer is awaited, the time moves in steps of this many milliseconds. */
const STEP_MS = 50;
/** The longest wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 20_000;
/** The code that awaits a promise continues within this many turns after the promise has settled. */
const TURNS = 10;

async function letPromisesSettle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
}

/** A server in this process, on a manual clock. */
export class InProcessTarget implements Target {
  readonly server: ApiServer;
  readonly clock: ManualClock = new ManualClock('2026-03-01T10:00:00Z');
  readonly wire = undefined;

  constructor() {
    this.server = new ApiServer({ clock: this.clock, random: seededRandom(1) });
  }

  async exchange(exchange: Exchange): Promise<Answer> {
    const { response, seconds } = await this.#send(exchange);
    const { status, headers, body, stream } = response;
    stream?.close();
    return { status, headers, text: body ?? '', seconds };
  }

  async watch(exchange: Exchange): Promise<WatchView> {
    const startedMs = this.clock.nowMs();
    const { response, seconds } = await this.#send(exchange);
    const { status, headers, body, stream } = response;
    const lines = new LineReader();
    let ended: WatchView['ended'];
    stream?.open(
      (chunk) => lines.take(chunk),
      () => {
        ended = { afterSeconds: (this.clock.nowMs() - startedMs) / 1000, rest: lines.rest };
      },
    );
    return {
      head: { status, headers, text: body ?? '', seconds },
      events: lines.events,
      get ended() {
        return ended;
      },
      close: () => stream?.close(),
    };
  }

  async #send(exchange: Exchange): Promise<{ readonly response: ApiResponse; readonly seconds: number }> {
    const startedMs = this.clock.nowMs();
    this.clock.advance(EXCHANGE_MS);
    const { method, path, headers, body } = exchange;
    const answer = this.server.handle({ method, path, headers, ...(body === undefined ? {} : { body }) });
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    answer.then(settle, settle);
    await letPromisesSettle();
    while (!settled && this.clock.nowMs() - startedMs < ANSWER_TIMEOUT_MS) await this.pass(STEP_MS);
    if (!settled) throw new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`);
    const response = await answer;
    return { response, seconds: (this.clock.nowMs() - startedMs) / 1000 };
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await letPromisesSettle();
  }

  async close(): Promise<void> {
    await this.server.stop();
  }
}
