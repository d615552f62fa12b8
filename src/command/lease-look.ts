/**
 * Reads a Lease once, with the Pod that owns it and the node of that Pod.
 */

import type { LeaseRecord } from '../core/lease-record.ts';
import type { NodeRecord } from '../core/node-record.ts';
import { explainLook, type Look, type OnlookerExplanation, renewalAgeMs } from '../explain/onlooker.ts';
import { toDate } from '../explain/wording.ts';
import type { ApiTransport } from '../kube/api-client.ts';
import { leasePort } from '../kube/lease-api.ts';
import { leaseListPort, type NamedLease } from '../kube/lease-list.ts';
import { readNode } from '../kube/node-api.ts';
import { readPod } from '../kube/pod-api.ts';
import type { Clock } from '../runtime/clock.ts';

/** The fields of a Lease that are shown. */
export interface ShownLease {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly holderIdentity: string | null;
  readonly owner: { readonly name: string; readonly uid: string } | null;
  readonly acquireTime: Date | null;
  readonly renewTime: Date | null;
  /**
   * The age of the renewal, in milliseconds. It compares the clocks of two machines: of the writer of renewTime, and of
   * this machine.
   */
  readonly renewalAgeMs: number | null;
  readonly leaseDurationSeconds: number | null;
  readonly leaseTransitions: number | null;
  readonly releasedBy: string | null;
  readonly terminating: boolean;
  readonly finalizers: readonly string[];
}

/** Whether an object exists. `unknown`: it could not be read. `none`: no object is named. */
export type ObjectState = 'exists' | 'gone' | 'unknown' | 'none';

/** The report about one Lease: an explanation, and the objects that it is based on. */
export interface LeaseReport extends OnlookerExplanation {
  /** `null`: the Lease does not exist, or could not be read. */
  readonly leaseObject: ShownLease | null;
  /** `gone`: the Pod that owns the Lease does not exist. `unknown`: it could not be read. */
  readonly ownerPod: ObjectState;
  /** `gone`: the node of that Pod does not exist. `unknown`: it could not be read. `none`: the Pod has no node. */
  readonly ownerNode: ObjectState;
  /** `null` unless the node exists. */
  readonly node: (Omit<NodeRecord, 'readyChangedAtMs'> & { readonly readySince: Date | null }) | null;
  /** Whether the owner is gone, and the garbage collector has not deleted the Lease. */
  readonly leftByCollector: boolean;
}

/** The largest number of Leases that are read at the same time. The client has two connections for requests. */
const LOOKS_AT_ONCE = 4;

/** Reads the Lease `name`, and explains it. */
export async function lookAt(
  client: ApiTransport,
  namespace: string,
  name: string,
  clock: Clock,
): Promise<LeaseReport> {
  return report(client, namespace, name, await leasePort(client, namespace, name).read(), clock);
}

/** Lists the Leases of this library, and explains each. @param namespace `''` for all namespaces */
export async function lookAtAll(
  client: ApiTransport,
  namespace: string,
  clock: Clock,
): Promise<Look<readonly LeaseReport[]>> {
  const listed = await leaseListPort(client, namespace).list();
  if (!listed.ok) return listed;
  const leases = [...listed.value.items].sort(byPlace);
  const reports: LeaseReport[] = [];
  for (let start = 0; start < leases.length; start += LOOKS_AT_ONCE) {
    const looks = leases
      .slice(start, start + LOOKS_AT_ONCE)
      .map((one) => report(client, one.namespace, one.name, { ok: true, value: one.lease }, clock));
    reports.push(...(await Promise.all(looks)));
  }
  return { ok: true, value: reports };
}

/** Sorts by namespace, then by name. */
function byPlace(left: Pick<NamedLease, 'namespace' | 'name'>, right: typeof left): number {
  const [one, other] = [`${left.namespace}/${left.name}`, `${right.namespace}/${right.name}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

async function report(
  client: ApiTransport,
  namespace: string,
  leaseName: string,
  lease: Look<LeaseRecord | null>,
  clock: Clock,
): Promise<LeaseReport> {
  const owner = lease.ok ? (lease.value?.owner ?? null) : null;
  const pod = owner === null ? undefined : await readPod(client, namespace, owner.name);
  const nodeName = pod?.ok === true && pod.value?.uid === owner?.uid ? pod.value?.report?.nodeName : null;
  const node = nodeName == null ? undefined : await readNode(client, nodeName);
  const nodeRecord = node?.ok === true ? node.value : null;
  const wallMs = clock.wallMs();
  const looked = { namespace, leaseName, lease, node: nodeRecord, wallMs, ...(pod === undefined ? {} : { pod }) };
  const ownerPod = stateOf(pod, ({ uid }) => uid === owner?.uid);
  const found = lease.ok ? lease.value : null;
  return {
    ...explainLook(looked),
    leaseObject: found === null ? null : shown(found, wallMs),
    ownerPod,
    ownerNode: stateOf(node),
    node: nodeRecord === null ? null : shownNode(nodeRecord),
    leftByCollector: found !== null && ownerPod === 'gone',
  };
}

/** @param isExpected whether an object of that name is the expected object, because a name can be used again */
function stateOf<Found>(
  look: Look<Found | null> | undefined,
  isExpected: (found: Found) => boolean = () => true,
): ObjectState {
  if (look === undefined) return 'none';
  if (!look.ok) return 'unknown';
  return look.value !== null && isExpected(look.value) ? 'exists' : 'gone';
}

function shown(lease: LeaseRecord, wallMs: number): ShownLease {
  const { acquireTimeMs, renewTimeMs, source: _source, ...rest } = lease;
  const { uid, resourceVersion, holderIdentity, owner, leaseDurationSeconds, leaseTransitions } = rest;
  const { releasedBy, terminating, finalizers } = rest;
  return {
    uid,
    resourceVersion,
    holderIdentity,
    owner,
    acquireTime: toDate(acquireTimeMs),
    renewTime: toDate(renewTimeMs),
    renewalAgeMs: renewalAgeMs(lease, wallMs),
    leaseDurationSeconds,
    leaseTransitions,
    releasedBy,
    terminating,
    finalizers,
  };
}

function shownNode({ readyChangedAtMs, ...node }: NodeRecord): NonNullable<LeaseReport['node']> {
  return { ...node, readySince: toDate(readyChangedAtMs) };
}
