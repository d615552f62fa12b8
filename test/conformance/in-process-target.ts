/**
 * Replays in process, on a clock that does not move between the steps: a wait of a minute takes no time.
 */

import { seededRandom } from '../../src/runtime/random.ts';
import { type ApiResponse, ApiServer } from '../../src/testing/index.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { type Answer, type Exchange, LineReader, type Target, type WatchView } from './target.ts';

/** An exchange over a network takes some time; the garbage collector works in it. */
const EXCHANGE_MS = 1;
/** The steps in which the time moves forward while an answer is awaited. */
const STEP_MS = 50;
/** The longest wait for an answer. */
const ANSWER_TIMEOUT_MS = 20_000;
/** After a promise settles, its awaiting code needs some turns to continue. */
const TURNS = 10;

async function letPromisesSettle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
}

/** See the head of this file. */
export class InProcessTarget implements Target {
  readonly server: ApiServer;
  readonly clock: ManualClock = new ManualClock('2026-03-01T10:00:00Z');
  readonly wire = undefined;

  constructor() {
    this.server = new ApiServer({ clock: this.clock, random: seededRandom(1) });
  }

  async exchange(exchange: Exchange): Promise<Answer> {
    const { response, seconds } = await this.#ask(exchange);
    const { status, headers, body, stream } = response;
    stream?.close();
    return { status, headers, text: body ?? '', seconds };
  }

  async watch(exchange: Exchange): Promise<WatchView> {
    const startedMs = this.clock.nowMs();
    const { response, seconds } = await this.#ask(exchange);
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

  async #ask(exchange: Exchange): Promise<{ readonly response: ApiResponse; readonly seconds: number }> {
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
