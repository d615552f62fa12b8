/**
 * The refusals of the API server, and how long they have lasted.
 *
 * A refusal (401, 403, a webhook's 400) is believed only when it lasts. An API server that has just started answers 403
 * and 401 to permitted requests, because its caches are filling. A Role may also be created after the Pod (DESIGN,
 * section 12).
 */

import type { Input } from './input.ts';
import {
  REFUSAL_BELIEVED_MS,
  type Refusable,
  type Refusal,
  remainingDoubtMs,
  UNAUTHORIZED_LIMIT_MS,
} from './refusal.ts';
import { endsStartWhenLasting, isOvertaken, isRefusal, type RequestFailure } from './request-failure.ts';
import { refusalDelayMs } from './retry-delay.ts';
import type { Knowledge, Role } from './state.ts';
import type { StepContext } from './step-context.ts';
import { acceptedAgain, refused } from './warnings.ts';

/**
 * The smallest number of answers 401 that ends a term. After each of them the transport closes the connection, and
 * reads the token again before the next request, so two answers come from two connections.
 */
const UNAUTHORIZED_LEAST_ANSWERS = 2;

/**
 * Refusals that are further apart than this, in milliseconds, are unrelated. A refused request is retried at least once
 * a minute.
 */
export const REFUSAL_MEMORY_MS = 150_000;

/**
 * The next attempt of a refused request is in time until twice its delay plus this many milliseconds. A longer gap does
 * not count, because no attempt was made in it.
 */
const LATE_TRY_MS = 15_000;

/**
 * The requests without which the leader stays unknown, or no leader can be elected. A lasting refusal of one of them
 * ends `start()`.
 */
const ESSENTIAL: readonly Refusable[] = ['token', 'list leases', 'watch leases', 'get leases', 'create leases'];

/** The requests that the timer `permission` retries. Every other request has its own retry. */
const TRIED_BY_TIMER: readonly Refusable[] = ['update leases', 'delete leases', 'get pods'];

/** Whether the refusals have lasted so long that they are believed. */
export function isBelieved({ failures }: Knowledge, what: Refusable): boolean {
  const refusal = failures.refusals[what];
  return refusal !== undefined && refusal.lastMs - refusal.sinceMs >= REFUSAL_BELIEVED_MS;
}

/** Whether this failure shows that a permission is missing, and such failures have lasted long enough. */
export function isPermissionMissing(knowledge: Knowledge, what: Refusable, failure: RequestFailure): boolean {
  return failure.kind === 'forbidden' && isBelieved(knowledge, what);
}

/** Whether the token was refused for so long that a term must end. */
export function isTokenDead({ failures }: Knowledge): boolean {
  const { token } = failures.refusals;
  return (
    token !== undefined &&
    token.count >= UNAUTHORIZED_LEAST_ANSWERS &&
    token.lastMs - token.sinceMs >= UNAUTHORIZED_LIMIT_MS
  );
}

/** The refusal that ends `start()`, because it has lasted for `startGraceMs`; otherwise `null`. */
export function finalRefusal({ config, knowledge, moment }: StepContext): Refusal | null {
  for (const what of ESSENTIAL) {
    const refusal = knowledge.failures.refusals[what];
    if (refusal === undefined || !isStanding(refusal, moment.nowMs)) continue;
    if (moment.nowMs - refusal.sinceMs >= config.startGraceMs) return refusal;
  }
  return null;
}

/** Whether the refusal still stands: the API server has been reachable, and the request was retried in time. */
function isStanding({ interrupted, lastMs, count }: Refusal, nowMs: number): boolean {
  return !interrupted && nowMs - lastMs <= 2 * refusalDelayMs(count, 1) + LATE_TRY_MS;
}

/** Whether this step recorded a new refusal. */
export function isNewRefusal({ knowledge, before }: StepContext): boolean {
  return Object.entries(knowledge.failures.refusals).some(
    ([what, { count }]) => count !== before.failures.refusals[what as Refusable]?.count,
  );
}

/** Records what an input shows about permissions. Called before the role and its requests change. */
export function noteRefusals(context: StepContext, input: Input): void {
  switch (input.type) {
    case 'leaseWatchFailed':
      return noteFailure(context, isOfStream(input.failure) ? 'watch leases' : 'list leases', input.failure);
    case 'podWatchFailed':
      return noteFailure(context, isOfStream(input.failure) ? 'watch pods' : 'list pods', input.failure);
    case 'timerFired':
      // The request for which the timer was set may have been accepted in the meantime. The timer is then set for
      // another refusal.
      if (input.timer === 'startGrace' && finalRefusal(context) === null) awaitGrace(context);
      return;
    case 'requestFailed':
      return noteFailure(context, refusableOf(context.role, context.knowledge, input.request), input.failure);
    case 'leaseRead':
      return noteSuccess(context, 'get leases');
    case 'podRead':
      return noteSuccess(context, 'get pods');
    case 'leaseWritten':
    case 'leaseRemoved':
    case 'leaseDeletionPending':
      return noteSuccess(context, refusableOf(context.role, context.knowledge, input.request));
    case 'leaseAbsent':
      return noteSuccess(context, 'list leases');
    case 'podAbsent':
      return noteSuccess(context, 'list pods');
    case 'leaseObserved':
      // An open watch continues after its token has expired, so an event proves nothing about permissions.
      return input.by === 'watch' ? undefined : noteSuccess(context, `${input.by} leases`);
    case 'podObserved':
      return input.by === 'list' ? noteSuccess(context, 'list pods') : undefined;
    case 'watchOpened':
      return noteSuccess(context, input.resource === 'leases' ? 'watch leases' : 'watch pods');
    case 'successorChosen':
      // The list of Pods was answered, or refused by authorization. Both show that the token is accepted.
      return noteSuccess(context, null);
  }
}

/** Whether the stream was refused, and not the list before it. A list that succeeds shows nothing about the stream. */
function isOfStream({ missingRule }: RequestFailure): boolean {
  return missingRule?.verb === 'watch';
}

function noteFailure(context: StepContext, verb: Refusable | null, failure: RequestFailure): void {
  // The API server detects a conflict after it has accepted the token and the verb. A webhook may run later, so its
  // refusal stays.
  if (isOvertaken(failure)) {
    const isPermitted = verb !== null && context.knowledge.failures.refusals[verb]?.failure.kind !== 'rejected';
    return noteSuccess(context, isPermitted ? verb : null);
  }
  // The answer to a request that is no longer awaited is ignored.
  if (verb === null) return;
  if (!endsStartWhenLasting(failure)) {
    if (failure.kind === 'unavailable') interrupt(context);
    // The attempt had no result, so another attempt follows.
    if (TRIED_BY_TIMER.includes(verb) && context.knowledge.failures.refusals[verb] !== undefined)
      awaitPermission(context);
    return;
  }
  // Authorization and webhooks come after the authentication, so their refusal shows that the token is accepted. Only a
  // leader counts this as a success of the token. A start would otherwise be prolonged by refusals of the token and of
  // a permission in turn.
  if (isRefusal(failure) && context.role.name === 'leader') noteSuccess(context, null);
  const what = failure.kind === 'unauthorized' ? 'token' : verb;
  const { nowMs } = context.moment;
  const before = context.knowledge.failures.refusals[what];
  const continued = before !== undefined && nowMs - before.lastMs <= REFUSAL_MEMORY_MS ? before : null;
  noteRefusal(context, what, {
    sinceMs: nowMs - lastedMs(continued, nowMs),
    lastMs: nowMs,
    count: (continued?.count ?? 0) + 1,
    interrupted: false,
    failure,
    // Kept even if the earlier refusals are forgotten, because the end of a warning is reported.
    warned: before?.warned ?? null,
  });
  if (ESSENTIAL.includes(what)) awaitGrace(context);
}

/** How long the refusals have lasted, including a refusal at this moment, in milliseconds. */
function lastedMs(before: Refusal | null, nowMs: number): number {
  if (before === null) return 0;
  return (isStanding(before, nowMs) ? nowMs : before.lastMs) - before.sinceMs;
}

/**
 * Records that the API server is not reachable. Refusals shortly after its return are not a continuation of the earlier
 * refusals.
 */
function interrupt(context: StepContext): void {
  const { refusals } = context.knowledge.failures;
  if (Object.values(refusals).every(({ interrupted }) => interrupted)) return;
  context.updateFailures({
    refusals: Object.fromEntries(
      Object.entries(refusals).map(([what, refusal]) => [what, { ...refusal, interrupted: true }]),
    ),
  });
}

/**
 * Sets the timer to the earliest end of a grace period. Several requests may be refused, each with its own grace
 * period.
 */
function awaitGrace(context: StepContext): void {
  const { knowledge, config, moment, role } = context;
  if (knowledge.announced.leader !== undefined || role.name === 'leaving') return;
  // A grace period that is over is left out: the next refusal decides, and a timer would fire again and again.
  const remaining = ESSENTIAL.flatMap((what) => knowledge.failures.refusals[what]?.sinceMs ?? [])
    .map((sinceMs) => sinceMs + config.startGraceMs - moment.nowMs)
    .filter((remainingMs) => remainingMs > 0);
  if (remaining.length > 0) context.setTimer('startGrace', Math.min(...remaining));
}

function noteRefusal(context: StepContext, what: Refusable, refusal: Refusal): void {
  context.updateFailures({ refusals: { ...context.knowledge.failures.refusals, [what]: refusal } });
  if (TRIED_BY_TIMER.includes(what)) awaitPermission(context);
  if (!isBelieved(context.knowledge, what)) return;
  const warning = refused(what, refusal.failure);
  context.updateFailures({
    refusals: { ...context.knowledge.failures.refusals, [what]: { ...refusal, warned: warning.code } },
  });
  context.warn(warning);
}

/** Sets the timer `permission` to the next attempt. */
function awaitPermission(context: StepContext): void {
  const counts = TRIED_BY_TIMER.flatMap((one) => context.knowledge.failures.refusals[one]?.count ?? []);
  const delayMs = refusalDelayMs(Math.min(...counts), context.moment.random);
  context.setTimer(
    'permission',
    Math.min(delayMs, remainingDoubtMs(context.knowledge.failures.refusals, context.moment.nowMs)),
  );
}

/** Records that the token was accepted, and the verb, if it is given. */
function noteSuccess(context: StepContext, verb: Refusable | null): void {
  if (Object.keys(context.knowledge.failures.refusals).length === 0) return;
  for (const what of ['token', verb] as const) {
    if (what === null) continue;
    const { [what]: refusal, ...others } = context.knowledge.failures.refusals;
    if (refusal === undefined) continue;
    context.updateFailures({ refusals: others });
    if (refusal.warned !== null) context.withdrawWarning(refusal.warned, acceptedAgain(what));
  }
}

/** The permission that a request in flight needs; `null` for a request whose answer is no longer awaited. */
export function refusableOf(role: Role, { leaseRead, holderRead }: Knowledge, request: number): Refusable | null {
  if (leaseRead?.request === request) return 'get leases';
  if (holderRead?.request === request) return 'get pods';
  switch (role.name) {
    case 'candidate': {
      const { attempt } = role;
      if (attempt === null || attempt.step === 'jitter') return null;
      if (attempt.step === 'creating') return attempt.request === request ? 'create leases' : null;
      if (attempt.ownPod !== 'exists' && attempt.ownPod.request === request) return 'get pods';
      if (attempt.step === 'deletingOldLease') return attempt.deletion?.request === request ? 'delete leases' : null;
      return 'request' in attempt.proof && attempt.proof.request === request ? 'update leases' : null;
    }
    case 'leader': {
      const { renewal, restoring } = role;
      if (renewal === request) return 'update leases';
      if (restoring === null) return null;
      if (restoring.creation === request) return 'create leases';
      return restoring.ownPod !== 'exists' && restoring.ownPod.request === request ? 'get pods' : null;
    }
    case 'leaving':
      return role.step.request === request ? LEAVING_NEEDS[role.step.name] : null;
    default:
      return null;
  }
}

const LEAVING_NEEDS = {
  awaitingCreate: 'create leases',
  awaitingWork: null,
  readingOwnPod: 'get pods',
  releasing: 'update leases',
  deleting: 'delete leases',
  withdrawingRelease: 'update leases',
} as const;
