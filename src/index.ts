/**
 * The public names of `lease-elector`, and no logic.
 */

import './runtime/required-node.ts';

export type { WarningCode as ElectionWarningCode } from './core/effect.ts';
export { LeaseElectorError, type LeaseElectorErrorCode } from './errors.ts';
export type { DemotionReason, Leader, LeaseElectorEvents, Term, Warning, WarningCode } from './events.ts';
export type { Explanation, ExplanationReason, HolderPod, MissingRule } from './explain/explain.ts';
export type { UsedKubeConfig } from './kube/credentials.ts';
export type { GuardedEmitter } from './leadership/guarded-emitter.ts';
export { LeaseElector, type LeaseElectorState } from './lease-elector.ts';
export type {
  EndpointOptions,
  KubeConfigFileOptions,
  LeaseElectorOptions,
  PodOptions,
  StopOptions,
  Succession,
} from './options.ts';
