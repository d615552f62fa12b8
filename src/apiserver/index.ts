/**
 * The public names of the embedded API server, `lease-elector/testing`.
 */

export type { AdmissionRequest, Denial, Webhook, WebhookOptions, WebhookVerb } from './admission.ts';
export type { ApiObject, ObjectMeta, OwnerReference } from './api-object.ts';
export type { ApiRequest, ApiResponse } from './api-request.ts';
export {
  ApiServer,
  type ApiServerAddress,
  type ApiServerOptions,
  type ObservedWrite,
  type RequestLogEntry,
  type ServerCensus,
  type WarmUpOptions,
} from './api-server.ts';
export type { PolicyRule } from './authorization.ts';
export type { CreatePodOptions, GrantOptions, IssueTokenOptions, PodIdentity, RevokeOptions } from './control-plane.ts';
export {
  ELECTOR_RULES,
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  type EmbeddedGrant,
  type EmbeddedPodOptions,
  type EmbeddedRevocation,
  type GarbageCollectorHold,
} from './embedded-cluster.ts';
export type { DeletePodOptions, EmbeddedPod, FailPodOptions, PodElectorOptions } from './embedded-pod.ts';
export type { FaultName, FaultOptions, Faults, InjectedFault, SickServerOptions } from './fault-plan.ts';
export { ConnectionResetError, type Fault, type FaultHook, type FaultRequest } from './faults.ts';
export type { ListenOptions } from './http-listener.ts';
export type { RandomFaultOptions, RandomFaults } from './random-faults.ts';
export type { RequestFilter } from './request-filter.ts';
export type { LoggedRequest, RequestLog } from './request-log.ts';
export { EVENTS, LEASES, NAMESPACES, PODS, type ResourceKind, SERVICE_ACCOUNTS, type Verb } from './resources.ts';
export type { StoreReader } from './store.ts';
export type { ApiStream } from './watch.ts';
