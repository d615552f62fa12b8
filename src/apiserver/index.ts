/**
 * The public names of the embedded API server, `lease-elector/testing`.
 */

export type { ApiObject, ObjectMeta, OwnerReference } from './api-object.ts';
export type { ApiRequest, ApiResponse } from './api-request.ts';
export {
  ApiServer,
  type ApiServerAddress,
  type ApiServerOptions,
  type ObservedWrite,
  type RequestLogEntry,
} from './api-server.ts';
export type { PolicyRule } from './authorization.ts';
export type { CreatePodOptions, GrantOptions, IssueTokenOptions, PodIdentity } from './control-plane.ts';
export { ConnectionResetError, type Fault, type FaultHook, type FaultRequest } from './faults.ts';
export type { ListenOptions } from './http-listener.ts';
export { EVENTS, LEASES, NAMESPACES, PODS, type ResourceKind, SERVICE_ACCOUNTS } from './resources.ts';
export type { StoreReader } from './store.ts';
export type { ApiStream } from './watch.ts';
