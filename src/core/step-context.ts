/**
 * One step of the election while it is being made: the next state and the effects so far.
 *
 * A turn is written to by the functions of one step and never outlives it, so `step` stays a pure
 * function without every rule having to pass states and effects along.
 */

import type { Announcement, Effect, WarningCode } from './effect.ts';
import { isGone } from './holder.ts';
import type { Moment, TimerName } from './input.ts';
import type { LeaseRecord, PodRecord } from './lease-record.ts';
import { remainingDoubtMs, UNAUTHORIZED_LIMIT_MS } from './refusal.ts';
import { endsStartWhenLasting, isOvertaken, type RequestFailure } from './request-failure.ts';
import { atLeastRetryAfterMs, RETRY_BASE_MS, refusalDelayMs, retryDelayMs } from './retry-delay.ts';
import type { CandidateRole, ElectionConfig, ElectionState, Knowledge, LeaderRole, Role } from './state.ts';

/** So many conflicts in a row are met by an immediate look at the Lease. */
const IMMEDIATE_RETRIES = 3;

export class StepContext {
  readonly config: ElectionConfig;
  readonly moment: Moment;
  /** What was known when the turn began. */
  readonly before: Knowledge;
  readonly effects: Effect[] = [];
  knowledge: Knowledge;
  role: Role;
  #lastRequest: number;

  constructor(state: ElectionState, moment: Moment) {
    this.config = state.config;
    this.moment = moment;
    this.before = state.knowledge;
    this.knowledge = state.knowledge;
    this.role = state.role;
    this.#lastRequest = state.lastRequest;
  }

  /** The Lease as last seen; `null` when there is none, or nothing is known yet. */
  get lease(): LeaseRecord | null {
    return this.knowledge.observation?.lease ?? null;
  }

  /** The state that this turn leads to. */
  get state(): ElectionState {
    return { config: this.config, lastRequest: this.#lastRequest, knowledge: this.knowledge, role: this.role };
  }

  updateKnowledge(changes: Partial<Knowledge>): void {
    this.knowledge = { ...this.knowledge, ...changes };
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  announce(announcement: Announcement): void {
    this.emit({ type: 'announce', announcement });
  }

  setTimer(timer: TimerName, afterMs: number): void {
    this.emit({ type: 'setTimer', timer, afterMs });
  }

  clearTimers(...timers: TimerName[]): void {
    for (const timer of timers) this.emit({ type: 'clearTimer', timer });
  }

  /** A number for the next request. */
  newRequest(): number {
    this.#lastRequest += 1;
    return this.#lastRequest;
  }

  /** Asks for a consistent read of the Lease, unless one is under way; gives the number of that request. */
  readLease({ checksWatch = false }: { readonly checksWatch?: boolean } = {}): number {
    const { leaseRead } = this.knowledge;
    if (checksWatch) this.updateKnowledge({ watchInDoubt: true });
    if (leaseRead !== null) return leaseRead.request;
    const request = this.newRequest();
    const knewResourceVersion = this.lease?.resourceVersion ?? null;
    const { newestResourceVersion } = this.knowledge;
    const askedAtMs = this.moment.nowMs;
    this.updateKnowledge({
      leaseRead: { request, askedAtMs, knewResourceVersion, newestResourceVersion, doubted: false },
    });
    this.emit({ type: 'readLease', request });
    return request;
  }

  /** Counts a failed request, and tells how long to wait before the next. */
  backOffMs(failure: RequestFailure): number {
    const failures = this.knowledge.failures + 1;
    this.updateKnowledge({ failures });
    const { random } = this.moment;
    const delayMs = endsStartWhenLasting(failure)
      ? Math.min(
          refusalDelayMs(Math.min(failures, this.#refusalCountOf(failure)), random),
          remainingDoubtMs(this.knowledge.refusals, this.moment.nowMs),
        )
      : retryDelayMs(failures, random);
    return atLeastRetryAfterMs(this.#inTimeForVerdict(delayMs, failure), failure.retryAfterMs);
  }

  /** Only refusals make the next try rare. Before the first of them the API server may have been away for long. */
  #refusalCountOf(failure: RequestFailure): number {
    const refusals = Object.values(this.knowledge.refusals);
    return refusals.find((refusal) => refusal.failure === failure)?.count ?? Number.POSITIVE_INFINITY;
  }

  /** A leader tries its refused token again at the latest when that decides whether the term ends. */
  #inTimeForVerdict(delayMs: number, failure: RequestFailure): number {
    const { token } = this.knowledge.refusals;
    if (this.role.name !== 'leader' || failure.kind !== 'unauthorized' || token === undefined) return delayMs;
    const remainingMs = token.sinceMs + UNAUTHORIZED_LIMIT_MS - this.moment.nowMs;
    return Math.min(delayMs, Math.max(remainingMs, RETRY_BASE_MS));
  }

  /** Has the Lease read again: at once when somebody else was quicker, else (or again and again) after a wait. */
  readLeaseAfter(failure: RequestFailure): void {
    // A read that is under way was sent before the failure. Its answer must not end the wait, or a failure that lasts
    // would be repeated as fast as the network allows.
    this.updateKnowledge({ leaseRead: null });
    const delayMs = this.backOffMs(failure);
    if (isOvertaken(failure) && this.knowledge.failures <= IMMEDIATE_RETRIES) this.readLease();
    else this.setTimer('retry', delayMs);
  }

  /** Ends a rest: has the Lease read first; where that is forbidden nobody will say more than the watch has told. */
  endBackOff(role: CandidateRole | LeaderRole): void {
    if (this.knowledge.canReadLease) this.readLease();
    else this.role = { ...role, backingOff: false };
  }

  /** Asks for a consistent read of the holder's Pod, unless one is under way or it would tell nothing. */
  readHolderPod({ despiteRefusal = false }: { readonly despiteRefusal?: boolean } = {}): void {
    const { knownHolder, holderRead, canReadPods } = this.knowledge;
    if (knownHolder === null || knownHolder.liveness === 'gone' || holderRead !== null) return;
    if (!canReadPods && !despiteRefusal) return;
    const request = this.newRequest();
    this.updateKnowledge({ holderRead: { request, doubted: false } });
    this.emit({ type: 'readPod', request, name: knownHolder.pod.name });
  }

  /**
   * Asks for a consistent read of the own Pod, also where reading Pods was forbidden a while ago: whoever is about to
   * act without that permission makes sure that it is missing still.
   */
  checkOwnPod(): { readonly request: number } {
    const request = this.newRequest();
    this.emit({ type: 'readPod', request, name: this.config.self.name });
    return { request };
  }

  /** The own Pod, as a consistent read of its name showed it; `null` when it is gone, or counts as gone. */
  ownPod(read: PodRecord | null): PodRecord | null {
    const { self, succession } = this.config;
    return isGone(self, read, succession) ? null : read;
  }

  /** Whether this was the consistent read of the Lease in flight. */
  wasLeaseRead(request: number): boolean {
    return this.before.leaseRead?.request === request;
  }

  /** Warns the application, once as long as it lasts. */
  warn(code: WarningCode, message: string): void {
    if (this.knowledge.warned.includes(code)) return;
    this.updateKnowledge({ warned: [...this.knowledge.warned, code] });
    this.announce({ type: 'warning', code, message });
  }

  /** What was warned of is over. Should it come back, it is warned of again. */
  withdrawWarning(code: WarningCode, message: string): void {
    if (!this.knowledge.warned.includes(code)) return;
    this.updateKnowledge({ warned: this.knowledge.warned.filter((one) => one !== code) });
    this.announce({ type: 'warning', code: 'refusal-over', message });
  }
}
