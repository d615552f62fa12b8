/**
 * The public names of `lease-elector`, and no logic.
 */

export {
  LeaseElectorError,
  type LeaseElectorErrorCode,
  type LeaseElectorErrorDetails,
  type RequestFailureKind,
} from './errors.ts';
export type {
  DemotedMessage,
  DemotionReason,
  ElectedMessage,
  Leader,
  LeaseElectorEvents,
  RequestMessage,
  Term,
  TermRecord,
  Warning,
  WarningCode,
} from './events.ts';
export type { Explanation, ExplanationReason, HolderPod, MissingRule } from './explain/explanation.ts';
export type { LogFields, Logger } from './leadership/application-log.ts';
export type { LeaderOnlyOptions } from './leadership/leader-only.ts';
export { LeaseElector, type LeaseElectorRecord, type LeaseElectorState } from './lease-elector.ts';
export type {
  EndpointOptions,
  KubeConfigFileOptions,
  LeaseElectorOptions,
  LocalRole,
  PodOptions,
  StopOptions,
  Succession,
} from './options.ts';
