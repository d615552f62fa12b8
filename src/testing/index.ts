/**
 * The public names of the embedded API server, `lease-elector/testing`.
 */

import '../runtime/required-node.ts';

export type { Clock, Timer } from '../runtime/clock.ts';
export type { Random } from '../runtime/random.ts';
export type { PolicyRule } from './access/authorization.ts';
export type {
  CreatePodOptions,
  GrantOptions,
  IssueTokenOptions,
  PodIdentity,
  RevokeOptions,
} from './controllers/control-plane.ts';
export type { AdmissionRequest, Denial, Webhook, WebhookOptions, WebhookVerb } from './handlers/admission.ts';
export type { ApiRequest, ApiResponse } from './handlers/api-request.ts';
export {
  ELECTOR_RULES,
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  type EmbeddedGrant,
  type EmbeddedPodOptions,
  type EmbeddedRevocation,
  electorRules,
  type GarbageCollectorHold,
  type PublishingWishes,
} from './kit/embedded-cluster.ts';
export type { DeletePodOptions, EmbeddedPod, FailPodOptions, PodElectorOptions } from './kit/embedded-pod.ts';
export type { FaultName, FaultOptions } from './kit/faults/fault.ts';
export type { Faults, InjectedFault, SickServerOptions } from './kit/faults/fault-plan.ts';
export type { RandomFaultOptions, RandomFaults } from './kit/faults/random-faults.ts';
export type { ClientKubeConfig, ElectorKubeConfig } from './kit/pod-kube-config.ts';
export type { RequestAttributes, RequestFilter } from './kit/request-filter.ts';
export type { LoggedRequest, RequestLog } from './kit/request-log.ts';
export type { ApiObject, JsonObject, ObjectMeta, OwnerReference } from './objects/api-object.ts';
export {
  EVENTS,
  LEASES,
  NAMESPACES,
  PODS,
  type ResourceKind,
  SERVICE_ACCOUNTS,
  type Verb,
} from './objects/resources.ts';
export {
  ApiServer,
  type ApiServerAddress,
  type ApiServerOptions,
  type ObservedWrite,
  type RequestLogEntry,
  type ServerStatistics,
  type WarmUpOptions,
} from './server/api-server.ts';
export { ConnectionResetError, type Fault, type FaultHook, type FaultRequest } from './server/faults.ts';
export type { ListenOptions } from './server/http-listener.ts';
export type { StoreReader } from './storage/store.ts';
export type { ApiStream } from './storage/watch.ts';
export type { WriteType } from './storage/watch-history.ts';
export type {
  TimelineEvent,
  TimelineEventContent,
  TimelineOptions,
  TimelinePod,
  TimelineProcess,
} from './timeline/timeline-event.ts';
export { drawTimeline, drawTimelineImage } from './timeline/timeline-page.ts';
