/**
 * The commands that `embedded-control-plane.ts` sends to `cluster-process.ts`, and the definitions that both files share.
 * The import of this file starts nothing.
 */

import type { PodIdentity } from '../src/testing/index.ts';

/** The one namespace of a benchmark. */
export const NAMESPACE = 'bench';

/** A request, or a write of the collector or of an administrator. */
export interface LoggedEvent {
  /** The service account of the request; `cluster` for a write of the cluster itself. */
  readonly by: string;
  /** `verb resource status` of a request; `type resource` of a write. */
  readonly what: string;
  /** When it was answered or committed, by the monotonic clock that all processes of a machine share, in milliseconds. */
  readonly atMs: number;
}

/** Whether a candidate requested to delete or create a Lease. A renewal does not belong to a failover. */
export function isFailoverWrite({ by, what }: LoggedEvent): boolean {
  return by !== 'cluster' && /^(delete|create) leases/.test(what);
}

/** A Pod to create. */
export interface PodToCreate {
  readonly name: string;
  /** The value of its label `app`: the Pods of one application. */
  readonly app: string;
  /** Its service account. It is granted the rules of a candidate. */
  readonly account: string;
}

/** The commands of the cluster process. */
export interface ClusterCommands {
  start(argument: null): Promise<{ port: number; caPem: string }>;
  /** Creates a Pod and the token that the kubelet would mount into it. */
  createPod(pod: PodToCreate): { pod: PodIdentity; token: string };
  /** Deletes a Pod; returns the moment of the answer. */
  deletePod(deletion: { readonly name: string; readonly gracefully: boolean }): Promise<number>;
  /** Stops the collector, or lets it continue. */
  holdCollector(held: boolean): void;
  /** The requests and writes since the last call. */
  takeLog(argument: null): LoggedEvent[];
  /** Ends all connections and listens again after some time; returns the moment at which it listens again. */
  breakDown(forMs: number): Promise<number>;
  /** The resident memory of this process, in MiB. */
  memoryMib(argument: null): number;
}

/** A command, and its answer. */
export interface Command {
  readonly id: number;
  readonly name: keyof ClusterCommands;
  readonly argument: unknown;
}
export type CommandAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** The moment, by the clock that all processes of a machine share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
