/**
 * One step of the election while it is computed: the next state and the effects so far.
 *
 * The functions of one step write to the context, which is discarded at the end of the step. So `step` is a pure
 * function, although the rules do not return states and effects.
 */

import type { Announcement, Effect, WarningCode } from './effect.ts';
import { isGone } from './holder.ts';
import type { Moment, TimerName } from './input.ts';
import type { LeaseRecord, PodRecord } from './lease-record.ts';
import { remainingDoubtMs, UNAUTHORIZED_LIMIT_MS } from './refusal.ts';
import { endsStartWhenLasting, isOvertaken, type RequestFailure } from './request-failure.ts';
import { atLeastRetryAfterMs, RETRY_BASE_MS, refusalDelayMs, retryDelayMs } from './retry-delay.ts';
import type {
  Announced,
  CandidateRole,
  ElectionConfig,
  ElectionState,
  Failures,
  Knowledge,
  LeaderRole,
  Permissions,
  Role,
} from './state.ts';
import type { Warning } from './warnings.ts';

/**
 * After up to this many conflicts in a row the Lease is read immediately. After more conflicts it is read after a
 * back-off.
 */
const IMMEDIATE_RETRIES = 3;

/** The state and the effects of the step that is being computed. */
export class StepContext {
  readonly config: ElectionConfig;
  readonly moment: Moment;
  /** The knowledge at the beginning of the step. */
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

  /** The Lease as last seen; `null` when there is no Lease, or when nothing is known yet. */
  get lease(): LeaseRecord | null {
    return this.knowledge.observation?.lease ?? null;
  }

  /** The state after this step. */
  get state(): ElectionState {
    return { config: this.config, lastRequest: this.#lastRequest, knowledge: this.knowledge, role: this.role };
  }

  updateKnowledge(changes: Partial<Knowledge>): void {
    this.knowledge = { ...this.knowledge, ...changes };
  }

  updatePermissions(changes: Partial<Permissions>): void {
    this.updateKnowledge({ permissions: { ...this.knowledge.permissions, ...changes } });
  }

  updateFailures(changes: Partial<Failures>): void {
    this.updateKnowledge({ failures: { ...this.knowledge.failures, ...changes } });
  }

  updateAnnounced(changes: Partial<Announced>): void {
    this.updateKnowledge({ announced: { ...this.knowledge.announced, ...changes } });
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

  /** Returns a number for the next request. */
  newRequest(): number {
    this.#lastRequest += 1;
    return this.#lastRequest;
  }

  /** Sends a consistent read of the Lease, unless one is in flight. Returns the number of that request. */
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

  /** Counts a failed request, and returns the delay before the next request, in milliseconds. */
  backOffMs(failure: RequestFailure): number {
    const inARow = this.knowledge.failures.inARow + 1;
    this.updateFailures({ inARow });
    const { random } = this.moment;
    const delayMs = endsStartWhenLasting(failure)
      ? Math.min(
          refusalDelayMs(Math.min(inARow, this.#refusalCountOf(failure)), random),
          remainingDoubtMs(this.knowledge.failures.refusals, this.moment.nowMs),
        )
      : retryDelayMs(inARow, random);
    return atLeastRetryAfterMs(this.#inTimeForVerdict(delayMs, failure), failure.retryAfterMs);
  }

  /**
   * The number of refusals in a row of this kind. Failures before the first refusal must not make the attempts rare,
   * because they may come from a long outage of the API server.
   */
  #refusalCountOf(failure: RequestFailure): number {
    const refusals = Object.values(this.knowledge.failures.refusals);
    return refusals.find((refusal) => refusal.failure === failure)?.count ?? Number.POSITIVE_INFINITY;
  }

  /** A leader with a refused token retries no later than the moment at which the refusal ends its term. */
  #inTimeForVerdict(delayMs: number, failure: RequestFailure): number {
    const { token } = this.knowledge.failures.refusals;
    if (this.role.name !== 'leader' || failure.kind !== 'unauthorized' || token === undefined) return delayMs;
    const remainingMs = token.sinceMs + UNAUTHORIZED_LIMIT_MS - this.moment.nowMs;
    return Math.min(delayMs, Math.max(remainingMs, RETRY_BASE_MS));
  }

  /** Reads the Lease again: immediately after a conflict (at most three times in a row), otherwise after a back-off. */
  readLeaseAfter(failure: RequestFailure): void {
    // A read that is in flight was sent before the failure. Its answer must not end the wait, because a lasting failure
    // would then be repeated as fast as the network allows.
    this.updateKnowledge({ leaseRead: null });
    const delayMs = this.backOffMs(failure);
    if (isOvertaken(failure) && this.knowledge.failures.inARow <= IMMEDIATE_RETRIES) this.readLease();
    else this.setTimer('retry', delayMs);
  }

  /**
   * Ends a back-off by reading the Lease. If reading is forbidden, continues with the state that the watch has
   * reported.
   */
  endBackOff(role: CandidateRole | LeaderRole): void {
    if (this.knowledge.permissions.canReadLease) this.readLease();
    else this.role = { ...role, backingOff: false };
  }

  /**
   * Sends a consistent read of the holder's Pod, unless a read is in flight, the Pod is gone, or reading Pods is
   * refused.
   */
  readHolderPod({ despiteRefusal = false }: { readonly despiteRefusal?: boolean } = {}): void {
    const { knownHolder, holderRead, permissions } = this.knowledge;
    if (knownHolder === null || knownHolder.liveness === 'gone' || holderRead !== null) return;
    if (!permissions.canReadPods && !despiteRefusal) return;
    const request = this.newRequest();
    this.updateKnowledge({ holderRead: { request, doubted: false } });
    this.emit({ type: 'readPod', request, name: knownHolder.pod.name });
  }

  /**
   * Sends a consistent read of this Pod, even if reading Pods was forbidden a while ago. A process that is about to act
   * without that permission verifies first that the permission is still missing.
   */
  checkOwnPod(): { readonly request: number } {
    const request = this.newRequest();
    this.emit({ type: 'readPod', request, name: this.config.self.name });
    return { request };
  }

  /** This Pod, as a consistent read of its name showed it; `null` when it is gone, or counts as gone. */
  ownPod(read: PodRecord | null): PodRecord | null {
    const { self, succession } = this.config;
    return isGone(self, read, succession) ? null : read;
  }

  /** Whether this request was the consistent read of the Lease that was in flight. */
  wasLeaseRead(request: number): boolean {
    return this.before.leaseRead?.request === request;
  }

  /** Warns the application, once as long as the condition lasts. */
  warn({ code, message }: Warning): void {
    if (this.knowledge.announced.warnings.includes(code)) return;
    this.updateAnnounced({ warnings: [...this.knowledge.announced.warnings, code] });
    this.announce({ type: 'warning', code, message });
  }

  /** Ends a warning whose condition is over. If the condition returns, the application is warned again. */
  withdrawWarning(code: WarningCode, message: string): void {
    if (!this.knowledge.announced.warnings.includes(code)) return;
    this.updateAnnounced({ warnings: this.knowledge.announced.warnings.filter((one) => one !== code) });
    this.announce({ type: 'warning', code: 'refusal-over', message });
  }
}
