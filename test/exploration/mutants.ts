/**
 * Cores with one deliberate defect each. The exploration finds them all, which shows that its checkers can fail.
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
  /** The scope in which the exploration finds the defect, with the numbers of candidates and disturbances. */
  readonly scope: ScopeName;
  readonly candidates: number;
  readonly disturbances: number;
  /** The violation of the counterexample. */
  readonly violation: RegExp;
}

const ONE_DISTURBANCE: readonly [candidates: number, disturbances: number] = [2, 1];

export const MUTANTS: readonly Mutant[] = [
  mutant(
    'treats a deletionTimestamp as the end of a Pod',
    'take-over',
    ONE_DISTURBANCE,
    /moves from|whose Pod exists/,
    {
      step: withInput((input) =>
        input.type === 'podObserved' && input.pod.terminating ? { ...input, type: 'podDeleted' } : input,
      ),
    },
  ),
  mutant('treats a leader that stopped renewing as gone', 'deletion-by-hand', ONE_DISTURBANCE, /whose Pod exists/, {
    step: (state, input) => {
      const { knownHolder } = state.knowledge;
      const resyncs = input.type === 'timerFired' && (input.timer === 'recheck' || input.timer === 'backstop');
      return resyncs && knownHolder !== null
        ? step(state, { ...input, type: 'podDeleted', watched: knownHolder.pod, pod: podOf(knownHolder.pod) })
        : step(state, input);
    },
  }),
  mutant('sends no preconditions', 'take-over', [2, 2], /whose Pod exists|usurped/, { preconditions: false }),
  mutant('compares Pods by their names', 'take-over', [2, 2], /./, byNames()),
  mutant('forgets the holder of a Lease that was deleted', 'deletion-by-hand', ONE_DISTURBANCE, /moves from/, {
    step: (state, input) => {
      const gone = input.type === 'leaseDeleted' && state.role.name === 'candidate';
      const { knowledge } = state;
      return step(gone ? { ...state, knowledge: { ...knowledge, knownHolder: null } } : state, input);
    },
  }),
  mutant('campaigns without a read of its own Pod', 'take-over', [2, 2], /its Pod was gone/, {
    step: assumingAnswer((effect, { self }) =>
      effect.type === 'readPod' && effect.name === self.name
        ? { type: 'podRead', request: effect.request, name: effect.name, pod: podOf(self) }
        : null,
    ),
  }),
  mutant(
    'continues to lead when its Lease belongs to another Pod',
    'deletion-by-hand',
    ONE_DISTURBANCE,
    /lead, although all events are delivered/,
    {
      step: (state, input) => {
        const others =
          'lease' in input && input.lease?.owner != null && input.lease.owner.uid !== state.config.self.uid;
        return state.role.name === 'leader' && others ? { state, effects: [] } : step(state, input);
      },
    },
  ),
  mutant('resumes a term with the old token', 'resume', ONE_DISTURBANCE, /fencing token/, {
    step: assumingAnswer((effect) =>
      effect.type === 'replaceLease' && effect.content.releasedBy === null
        ? { type: 'leaseWritten', request: effect.request, lease: effect.lease }
        : null,
    ),
  }),
  mutant('releases the Lease before its work is done', 'hand-over', ONE_DISTURBANCE, /at the same time/, {
    step: assumingAnswer((effect) => (effect.type === 'settleWork' ? { type: 'workSettled', drained: true } : null)),
  }),
  mutant('leads before its create is answered', 'election', [2, 0], /at the same time|fencing token/, {
    step: assumingAnswer((effect) => {
      if (effect.type !== 'createLease') return null;
      const kept = { resourceVersion: '1', terminating: false, finalizers: [], source: null };
      const lease: LeaseRecord = { ...effect.content, uid: 'lease-1', ...kept };
      return { type: 'leaseWritten', request: effect.request, lease };
    }),
  }),
  mutant('accepts events that arrive late', 'take-over', [2, 2], /./, {
    step: (state, input) => {
      const event = input.type === 'leaseDeleted' || (input.type === 'leaseObserved' && input.by === 'watch');
      const { knowledge } = state;
      return step(event ? { ...state, knowledge: { ...knowledge, newestResourceVersion: '0' } } : state, input);
    },
  }),
  mutant('sets no timer except for a campaign', 'faults', [2, 2], /nobody leads/, {
    step: withEffects((effect) => (effect.type === 'setTimer' && effect.timer !== 'campaign' ? null : effect)),
  }),
  mutant('never reads the Pod of the holder', 'take-over', ONE_DISTURBANCE, /nobody leads/, {
    step: (state, input) => {
      const { name } = state.config.self;
      const { state: next, effects } = step(state, input);
      const performed = effects.filter(
        (effect) => effect.type !== 'watchPod' && (effect.type !== 'readPod' || effect.name === name),
      );
      return { state: next, effects: performed };
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

/** The core, with changed inputs. */
function withInput(change: (input: Input) => Input): Step {
  return (state, input) => step(state, change(input));
}

/** The core, with changed effects. `null` drops an effect. */
function withEffects(change: (effect: Effect) => Effect | null): Step {
  return (state, input) => {
    const { state: next, effects } = step(state, input);
    return { state: next, effects: effects.map(change).filter((effect) => effect !== null) };
  };
}

/** The core, with certain requests not sent: it receives an assumed answer instead. */
function assumingAnswer(answerTo: (effect: Effect, config: ElectionState['config']) => Fact | null): Step {
  const stepAssuming: Step = (before, input) => {
    const { nowMs, wallMs, random } = input;
    let { state, effects } = step(before, input);
    for (let index = 0; index < effects.length; index += 1) {
      const answer = answerTo(effects[index] as Effect, before.config);
      if (answer === null) continue;
      const after = stepAssuming(state, { ...answer, nowMs, wallMs, random });
      state = after.state;
      effects = [...effects.toSpliced(index, 1), ...after.effects];
      index -= 1;
    }
    return { state, effects };
  };
  return stepAssuming;
}

/** The core, with the Pod's name as the uid in every input. Its writes have the real uid. */
function byNames(): Partial<Core> {
  const named = <Pod extends PodReference>(pod: Pod): Pod => ({ ...pod, uid: pod.name });
  const changed = (input: Input): Input => {
    if ('pod' in input && input.pod !== null) return { ...input, pod: named(input.pod) } as Input;
    if (!('lease' in input) || input.lease === null || input.lease.owner === null) return input;
    const lease: LeaseRecord = { ...input.lease, owner: named(input.lease.owner) };
    return { ...input, lease } as Input;
  };
  const sign: Core['sign'] = (content, pod) =>
    content.owner?.name === pod.name ? { ...content, owner: pod } : content;
  return { identify: named, sign, step: withInput(changed) };
}
