/**
 * What the API server refuses, and for how long.
 *
 * A refusal (401, 403, a webhook's 400) is believed only when it lasts. An API server that has just started answers 403
 * and 401 to what is allowed, because its caches are filling, and a Role may arrive after the Pod (DESIGN, section 12).
 */

import type { WarningCode } from './effect.ts';
import type { Input } from './input.ts';
import {
  REFUSAL_BELIEVED_MS,
  type Refusable,
  type Refusal,
  remainingDoubtMs,
  UNAUTHORIZED_LIMIT_MS,
} from './refusal.ts';
import { endsStartWhenLasting, isOvertaken, type RequestFailure } from './request-failure.ts';
import { refusalDelayMs } from './retry-delay.ts';
import type { Knowledge, Role } from './state.ts';
import type { StepContext } from './step-context.ts';

/**
 * The least number of answers 401 that end a term. The transport closes the connection after each, and reads the token
 * again before the next, so two answers are two connections.
 */
const UNAUTHORIZED_LEAST_ANSWERS = 2;

/**
 * Refusals that are further apart than this, in milliseconds, have nothing to do with each other: a refused request is
 * tried at least once a minute.
 */
export const REFUSAL_MEMORY_MS = 150_000;

/**
 * How late the next try of a refused request can be, in milliseconds beyond twice its delay. After that nothing was tried,
 * so the time between does not count.
 */
const LATE_TRY_MS = 15_000;

/** Without these no leader can be known, or none be elected, so a lasting refusal of one ends `start()`. */
const ESSENTIAL: readonly Refusable[] = ['token', 'list leases', 'watch leases', 'get leases', 'create leases'];

/** These are tried again at the timer `permission`; each of the others has a retry of its own. */
const TRIED_BY_TIMER: readonly Refusable[] = ['update leases', 'delete leases', 'get pods'];

/** Whether the refusals span so much time that they are believed. */
export function isBelieved({ refusals }: Knowledge, what: Refusable): boolean {
  const refusal = refusals[what];
  return refusal !== undefined && refusal.lastMs - refusal.sinceMs >= REFUSAL_BELIEVED_MS;
}

/** Whether this failure says that a permission is missing, and has said so for long enough. */
export function isPermissionMissing(knowledge: Knowledge, what: Refusable, failure: RequestFailure): boolean {
  return failure.kind === 'forbidden' && isBelieved(knowledge, what);
}

/** Whether the token was refused for so long that a term must end. */
export function isTokenDead({ refusals: { token } }: Knowledge): boolean {
  return (
    token !== undefined &&
    token.count >= UNAUTHORIZED_LEAST_ANSWERS &&
    token.lastMs - token.sinceMs >= UNAUTHORIZED_LIMIT_MS
  );
}

/** The refusal that keeps `start()` from its end, once it has lasted for `startGraceMs`; else `null`. */
export function finalRefusal({ config, knowledge, moment }: StepContext): Refusal | null {
  for (const what of ESSENTIAL) {
    const refusal = knowledge.refusals[what];
    if (refusal === undefined || !isStanding(refusal, moment.nowMs)) continue;
    if (moment.nowMs - refusal.sinceMs >= config.startGraceMs) return refusal;
  }
  return null;
}

/** Whether the request would have been accepted by now, had the refusal passed: it was tried again in time. */
function isStanding({ interrupted, lastMs, count }: Refusal, nowMs: number): boolean {
  return !interrupted && nowMs - lastMs <= 2 * refusalDelayMs(count, 1) + LATE_TRY_MS;
}

/** Whether this turn brought a refusal. */
export function isNewRefusal({ knowledge, before }: StepContext): boolean {
  return Object.entries(knowledge.refusals).some(
    ([what, { count }]) => count !== before.refusals[what as Refusable]?.count,
  );
}

/** Takes note of what an input says about permissions. Comes before the role and its requests are changed by it. */
export function noteRefusals(context: StepContext, input: Input): void {
  switch (input.type) {
    case 'leaseWatchFailed':
      return noteFailure(context, isOfStream(input.failure) ? 'watch leases' : 'list leases', input.failure);
    case 'podWatchFailed':
      return noteFailure(context, isOfStream(input.failure) ? 'watch pods' : 'list pods', input.failure);
    case 'timerFired':
      // What it was set for may have been accepted since. Another refusal is waited for then.
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
      // A watch that was opened in time goes on after its token has lost its power.
      return input.by === 'watch' ? undefined : noteSuccess(context, `${input.by} leases`);
    case 'podObserved':
      return input.by === 'list' ? noteSuccess(context, 'list pods') : undefined;
    case 'watchOpened':
      return noteSuccess(context, input.resource === 'leases' ? 'watch leases' : 'watch pods');
  }
}

/** Whether a stream was refused, and not the list before it: a list that succeeds then says nothing about the stream. */
function isOfStream({ missingRule }: RequestFailure): boolean {
  return missingRule?.verb === 'watch';
}

function noteFailure(context: StepContext, verb: Refusable | null, failure: RequestFailure): void {
  // A conflict is found out after the token and the verb were accepted. A webhook may come later, so that refusal stays.
  if (isOvertaken(failure)) {
    const isPermitted = verb !== null && context.knowledge.refusals[verb]?.failure.kind !== 'rejected';
    return noteSuccess(context, isPermitted ? verb : null);
  }
  // An answer that is no longer awaited decides nothing.
  if (verb === null) return;
  if (!endsStartWhenLasting(failure)) {
    if (failure.kind === 'unavailable') interrupt(context);
    // The try came to nothing, so another one follows.
    if (TRIED_BY_TIMER.includes(verb) && context.knowledge.refusals[verb] !== undefined) awaitPermission(context);
    return;
  }
  const what = failure.kind === 'unauthorized' ? 'token' : verb;
  const { nowMs } = context.moment;
  const before = context.knowledge.refusals[what];
  const continued = before !== undefined && nowMs - before.lastMs <= REFUSAL_MEMORY_MS ? before : null;
  noteRefusal(context, what, {
    sinceMs: nowMs - lastedMs(continued, nowMs),
    lastMs: nowMs,
    count: (continued?.count ?? 0) + 1,
    interrupted: false,
    failure,
    // Also of what is forgotten: its end is told.
    warned: before?.warned ?? null,
  });
  if (ESSENTIAL.includes(what)) awaitGrace(context);
}

/** For how long it has been refused, by a refusal at this moment. */
function lastedMs(before: Refusal | null, nowMs: number): number {
  if (before === null) return 0;
  return (isStanding(before, nowMs) ? nowMs : before.lastMs) - before.sinceMs;
}

/** The API server is away. What it will refuse for a moment after its return is not what it refused before. */
function interrupt(context: StepContext): void {
  const { refusals } = context.knowledge;
  if (Object.values(refusals).every(({ interrupted }) => interrupted)) return;
  context.updateKnowledge({
    refusals: Object.fromEntries(
      Object.entries(refusals).map(([what, refusal]) => [what, { ...refusal, interrupted: true }]),
    ),
  });
}

/** Sets the timer to the end of the first grace that runs. Several verbs may be refused, each since another moment. */
function awaitGrace(context: StepContext): void {
  const { knowledge, config, moment, role } = context;
  if (knowledge.announcedLeader !== undefined || role.name === 'leaving') return;
  // Where a grace is over and the start goes on, the next refusal decides: a timer would fire again and again.
  const remaining = ESSENTIAL.flatMap((what) => knowledge.refusals[what]?.sinceMs ?? [])
    .map((sinceMs) => sinceMs + config.startGraceMs - moment.nowMs)
    .filter((remainingMs) => remainingMs > 0);
  if (remaining.length > 0) context.setTimer('startGrace', Math.min(...remaining));
}

function noteRefusal(context: StepContext, what: Refusable, refusal: Refusal): void {
  context.updateKnowledge({ refusals: { ...context.knowledge.refusals, [what]: refusal } });
  if (TRIED_BY_TIMER.includes(what)) awaitPermission(context);
  if (!isBelieved(context.knowledge, what)) return;
  const code = codeOf(what, refusal.failure);
  context.updateKnowledge({ refusals: { ...context.knowledge.refusals, [what]: { ...refusal, warned: code } } });
  context.warn(code, `${refusal.failure.message}${ADVICE[what]}`);
}

/** Sets the timer to the next try of what it tries. */
function awaitPermission(context: StepContext): void {
  const counts = TRIED_BY_TIMER.flatMap((one) => context.knowledge.refusals[one]?.count ?? []);
  const delayMs = refusalDelayMs(Math.min(...counts), context.moment.random);
  context.setTimer('permission', Math.min(delayMs, remainingDoubtMs(context.knowledge.refusals, context.moment.nowMs)));
}

/** The token was accepted, and the verb, where one is named. */
function noteSuccess(context: StepContext, verb: Refusable | null): void {
  if (Object.keys(context.knowledge.refusals).length === 0) return;
  for (const what of ['token', verb] as const) {
    if (what === null) continue;
    const { [what]: refusal, ...others } = context.knowledge.refusals;
    if (refusal === undefined) continue;
    context.updateKnowledge({ refusals: others });
    if (refusal.warned !== null) context.withdrawWarning(refusal.warned, `${TITLES[what]} is accepted again.`);
  }
}

/** What a request that is under way needs; `null` for a request whose answer is no longer awaited. */
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

function codeOf(what: Refusable, failure: RequestFailure): WarningCode {
  return failure.kind === 'rejected' ? 'request-rejected' : CODES[what];
}

const CODES: Readonly<Record<Refusable, WarningCode>> = {
  token: 'unauthorized',
  'list leases': 'read-forbidden',
  'watch leases': 'read-forbidden',
  'get leases': 'read-forbidden',
  'create leases': 'create-forbidden',
  'update leases': 'renew-forbidden',
  'delete leases': 'delete-forbidden',
  'list pods': 'pod-read-forbidden',
  'watch pods': 'pod-read-forbidden',
  'get pods': 'pod-read-forbidden',
};

/** What follows from a refusal, behind the message of the failure. */
const ADVICE: Readonly<Record<Refusable, string>> = {
  token:
    '. A leader whose token is refused for 10 s stops leading until it is accepted. If the Pod still exists, look at ' +
    'its ServiceAccount.',
  'list leases': '',
  'watch leases': '. Until then changes of the Lease are seen late.',
  'get leases': '',
  'create leases': '',
  'update leases': '. Until then the others cannot see whether the leader hangs.',
  'delete leases': '. Until then a successor waits for the garbage collector.',
  'list pods': ". Until then it is noticed late that the leader's Pod is gone.",
  'watch pods': ". Until then it is noticed late that the leader's Pod is gone.",
  'get pods': '. Until then a successor must wait for the garbage collector.',
};

const TITLES: Readonly<Record<Refusable, string>> = {
  token: 'The token',
  'list leases': '`list` on leases.coordination.k8s.io',
  'watch leases': '`watch` on leases.coordination.k8s.io',
  'get leases': '`get` on leases.coordination.k8s.io',
  'create leases': '`create` on leases.coordination.k8s.io',
  'update leases': '`update` on leases.coordination.k8s.io',
  'delete leases': '`delete` on leases.coordination.k8s.io',
  'list pods': '`list` on pods',
  'watch pods': '`watch` on pods',
  'get pods': '`get` on pods',
};
