/**
 * The public names of `lease-elector`, and no logic.
 */

export { LeaseElectorError, type LeaseElectorErrorCode } from './errors.ts';
export type { DemotionReason, Leader, LeaseElectorEvents, Term, Warning, WarningCode } from './events.ts';
export type { Explanation, ExplanationReason, HolderPod, MissingRule } from './explain/explain.ts';
export { LeaseElector, type LeaseElectorState } from './lease-elector.ts';
export type {
  EndpointOptions,
  KubeConfigFileOptions,
  LeaseElectorOptions,
  PodOptions,
  StopOptions,
  Succession,
} from './options.ts';
