/**
 * The public names of `lease-elector`, and no logic.
 */

import './runtime/required-node.ts';

export type { WarningCode as ElectionWarningCode } from './core/effect.ts';
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
export type { UsedKubeConfig } from './kube/credentials.ts';
export type { LogFields, Logger } from './leadership/application-log.ts';
export type { GuardedEmitter } from './leadership/guarded-emitter.ts';
export type { LeaderOnlyOptions } from './leadership/leader-only.ts';
export { LeaseElector, type LeaseElectorRecord, type LeaseElectorState } from './lease-elector.ts';
export type { HistogramSample, MetricFamily, MetricLabels, MetricSample } from './metrics/metric-family.ts';
export type {
  EndpointOptions,
  KubeConfigFileOptions,
  LeaseElectorOptions,
  LocalRole,
  PodOptions,
  StopOptions,
  Succession,
} from './options.ts';
