/**
 * Selects requests by client, verb and resource: for faults, and for queries of the log.
 */

import { checkKeys, checkWord } from '../../runtime/argument-check.ts';
import { RESOURCE_KINDS, REVIEW_KINDS, type Verb } from '../objects/resources.ts';

/**
 * Selects requests; an omitted key matches all.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const pod = cluster.createPod({ name: 'web-0' });
 * console.log(cluster.requests.count({ client: pod, verb: ['create', 'update'], resource: 'leases' })); // 0
 * await cluster.stop();
 * ```
 */
export interface RequestFilter {
  /** A Pod (identified by its uid), the name of a Pod, `admin`, or another user's name. @default every client */
  readonly client?: string | { readonly name: string; readonly uid: string } | undefined;
  /** One verb or several, as in RBAC. @default every verb */
  readonly verb?: Verb | readonly Verb[] | undefined;
  /** One resource or several, in the plural, such as `leases`. @default every resource */
  readonly resource?: string | readonly string[] | undefined;
}

/** The attributes of a request that a filter compares. */
export interface RequestAttributes {
  /** The name of the Pod whose token was sent, `admin`, or another user's name. */
  readonly client: string;
  /** The uid of that Pod; absent when the token was not that of a Pod. */
  readonly podUid?: string;
  /** The verb as RBAC names it, such as `watch`. */
  readonly verb: string;
  /** The resource in the plural, such as `leases`. */
  readonly resource: string;
}

/** The keys of a filter. */
export const FILTER_KEYS: readonly string[] = ['client', 'verb', 'resource'];

/** The verbs that write. */
export const WRITE_VERBS: readonly Verb[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

const VERBS: readonly string[] = ['get', 'list', 'watch', ...WRITE_VERBS];
const RESOURCES: readonly string[] = [...new Set([...RESOURCE_KINDS, ...REVIEW_KINDS].map(({ resource }) => resource))];

/**
 * Makes a predicate of a filter.
 *
 * @param keys further keys that are allowed besides those of the filter
 * @throws {TypeError} for an unknown key, verb or resource
 */
export function matcherOf(
  what: string,
  filter: RequestFilter,
  keys: readonly string[] = [],
): (request: RequestAttributes) => boolean {
  checkKeys(what, filter, [...FILTER_KEYS, ...keys]);
  const verbs = listOf(filter.verb);
  const resources = listOf(filter.resource);
  for (const verb of verbs ?? []) checkWord(`${what}, verb,`, verb, VERBS);
  for (const resource of resources ?? []) checkWord(`${what}, resource,`, resource, RESOURCES);
  const isClient = clientMatcherOf(what, filter.client);
  return (request) =>
    isClient(request) &&
    (verbs === undefined || verbs.includes(request.verb)) &&
    (resources === undefined || resources.includes(request.resource));
}

function clientMatcherOf(what: string, client: unknown): (request: RequestAttributes) => boolean {
  if (client === undefined) return () => true;
  if (typeof client === 'string' && client !== '') return (request) => request.client === client;
  const uid = typeof client === 'object' && client !== null && 'uid' in client ? client.uid : undefined;
  if (typeof uid !== 'string') throw new TypeError(`${what}, client, must be a Pod or the name of a client`);
  return (request) => request.podUid === uid;
}

function listOf(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === 'string' ? [given] : given;
}
