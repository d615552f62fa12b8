/**
 * The core with one deliberate defect each. That the exploration catches them shows that its checkers can fail.
 */

import { step } from '../../src/core/election.ts';
import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { ElectionState } from '../../src/core/state.ts';
import { stepWatch } from '../../src/core/watch.ts';
import type { Core } from './process-model.ts';
import type { ScopeName } from './scopes.ts';

type Step = Core['step'];
type Input = Parameters<Step>[1];
type StepResult = ReturnType<Step>;
type Effect = StepResult['effects'][number];

/** The production core. */
export const PRODUCTION: Core = {
  step,
  stepWatch,
  preconditions: true,
  identify: (pod) => pod,
  sign: (content) => content,
};

export interface Mutant {
  readonly defect: string;
  readonly core: Core;
  /** Where the exploration finds it, with how many candidates and disturbances. */
  readonly scope: ScopeName;
  readonly candidates: number;
  readonly disturbances: number;
  /** What the counterexample says. */
  readonly violation: RegExp;
}

const MINUTE: readonly [candidates: number, disturbances: number] = [2, 1];

export const MUTANTS: readonly Mutant[] = [
  mutant('takes a deletionTimestamp for the end of a Pod', 'take-over', MINUTE, /moves from|whose Pod exists/, {
    step: hearing((input) =>
      input.type === 'podObserved' && input.pod.terminating ? { ...input, type: 'podDeleted' } : input,
    ),
  }),
  mutant('takes a leader that stopped renewing for dead', 'deletion-by-hand', MINUTE, /whose Pod exists/, {
    step: (state, input) => {
      const { knownHolder } = state.knowledge;
      const looks = input.type === 'timerFired' && (input.timer === 'recheck' || input.timer === 'backstop');
      return looks && knownHolder !== null
        ? step(state, { ...input, type: 'podDeleted', watched: knownHolder.pod, pod: podOf(knownHolder.pod) })
        : step(state, input);
    },
  }),
  mutant('sends no preconditions', 'take-over', [2, 2], /whose Pod exists|usurped/, { preconditions: false }),
  mutant('tells Pods apart by their names', 'take-over', [2, 2], /./, byNames()),
  mutant('forgets who held a Lease that vanished', 'deletion-by-hand', MINUTE, /moves from/, {
    step: (state, input) => {
      const gone = input.type === 'leaseDeleted' && state.role.name === 'candidate';
      const { knowledge } = state;
      return step(gone ? { ...state, knowledge: { ...knowledge, knownHolder: null } } : state, input);
    },
  }),
  mutant('campaigns without a look at its own Pod', 'take-over', [2, 2], /its Pod was gone/, {
    step: believing((effect, { self }) =>
      effect.type === 'readPod' && effect.name === self.name
        ? { type: 'podRead', request: effect.request, name: effect.name, pod: podOf(self) }
        : null,
    ),
  }),
  mutant('leads on when its Lease is another’s', 'deletion-by-hand', MINUTE, /lead, although everything was told/, {
    step: (state, input) => {
      const others = 'lease' in input && input.lease?.owner != null && input.lease.owner.uid !== state.config.self.uid;
      return state.role.name === 'leader' && others ? { state, effects: [] } : step(state, input);
    },
  }),
  mutant('resumes a term with the token that it had', 'resume', MINUTE, /fencing token/, {
    step: believing((effect) =>
      effect.type === 'replaceLease' && effect.content.releasedBy === null
        ? { type: 'leaseWritten', request: effect.request, lease: effect.lease }
        : null,
    ),
  }),
  mutant('gives the Lease up before its work is done', 'hand-over', MINUTE, /at the same time/, {
    step: believing((effect) => (effect.type === 'settleWork' ? { type: 'workSettled', drained: true } : null)),
  }),
  mutant('leads before its create is answered', 'election', [2, 0], /at the same time|fencing token/, {
    step: believing((effect) => {
      if (effect.type !== 'createLease') return null;
      const kept = { resourceVersion: '1', terminating: false, finalizers: [], source: null };
      const lease: LeaseRecord = { ...effect.content, uid: 'lease-1', ...kept };
      return { type: 'leaseWritten', request: effect.request, lease };
    }),
  }),
  mutant('believes events that come late', 'take-over', [2, 2], /./, {
    step: (state, input) => {
      const event = input.type === 'leaseDeleted' || (input.type === 'leaseObserved' && input.by === 'watch');
      const { knowledge } = state;
      return step(event ? { ...state, knowledge: { ...knowledge, newestResourceVersion: '0' } } : state, input);
    },
  }),
  mutant('waits for nothing but events and answers', 'faults', [2, 2], /nobody leads/, {
    step: ordering((effect) => (effect.type === 'setTimer' && effect.timer !== 'campaign' ? null : effect)),
  }),
  mutant('never asks for the Pod of the holder', 'take-over', MINUTE, /nobody leads/, {
    step: (state, input) => {
      const { name } = state.config.self;
      const { state: next, effects } = step(state, input);
      const asked = effects.filter(
        (effect) => effect.type !== 'watchPod' && (effect.type !== 'readPod' || effect.name === name),
      );
      return { state: next, effects: asked };
    },
  }),
];

function mutant(
  defect: string,
  scope: ScopeName,
  [candidates, disturbances]: readonly [number, number],
  violation: RegExp,
  changes: Partial<Core>,
): Mutant {
  return { defect, scope, candidates, disturbances, violation, core: { ...PRODUCTION, ...changes } };
}

function podOf({ name, uid }: PodReference): PodRecord {
  return { name, uid, resourceVersion: '1', terminating: false };
}

/** Hears something else. */
function hearing(change: (input: Input) => Input): Step {
  return (state, input) => step(state, change(input));
}

/** Orders something else, or (`null`) nothing. */
function ordering(change: (effect: Effect) => Effect | null): Step {
  return (state, input) => {
    const { state: next, effects } = step(state, input);
    return { state: next, effects: effects.map(change).filter((effect) => effect !== null) };
  };
}

/** Does not send certain orders, and takes what it would like to hear for the answer. */
function believing(answerTo: (effect: Effect, config: ElectionState['config']) => Fact | null): Step {
  const believe: Step = (before, input) => {
    const { nowMs, wallMs, random } = input;
    let { state, effects } = step(before, input);
    for (let index = 0; index < effects.length; index += 1) {
      const answer = answerTo(effects[index] as Effect, before.config);
      if (answer === null) continue;
      const after = believe(state, { ...answer, nowMs, wallMs, random });
      state = after.state;
      effects = [...effects.toSpliced(index, 1), ...after.effects];
      index -= 1;
    }
    return { state, effects };
  };
  return believe;
}

/** Every uid that it hears of is the Pod's name; what it writes names its uid, as its Pod does. */
function byNames(): Partial<Core> {
  const named = <Pod extends PodReference>(pod: Pod): Pod => ({ ...pod, uid: pod.name });
  const heard = (input: Input): Input => {
    if ('pod' in input && input.pod !== null) return { ...input, pod: named(input.pod) } as Input;
    if (!('lease' in input) || input.lease === null || input.lease.owner === null) return input;
    const lease: LeaseRecord = { ...input.lease, owner: named(input.lease.owner) };
    return { ...input, lease } as Input;
  };
  const sign: Core['sign'] = (content, pod) =>
    content.owner?.name === pod.name ? { ...content, owner: pod } : content;
  return { identify: named, sign, step: hearing(heard) };
}
