/**
 * Who may do what: RBAC over the roles and bindings in the store. Who the user is was decided before.
 */

import { type ApiObject, isJsonObject } from './api-object.ts';
import type { UserInfo } from './authentication.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, type ResourceKind, ROLE_BINDINGS, ROLES } from './resources.ts';
import { StatusError } from './status.ts';
import type { StoreReader } from './store.ts';

/** A rule of a Role. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** What somebody wants to do. */
export interface Attributes {
  readonly verb: string;
  readonly isResource: boolean;
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Whether it is allowed, and by what. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Paths open to everybody who sends no bad token (fact 28). */
const PUBLIC_PATHS: readonly string[] = ['/version', '/healthz', '/livez', '/readyz'];
/** Paths open to everybody with a good token: discovery. */
const DISCOVERY_PATHS: readonly RegExp[] = [/^\/api(\/.*)?$/, /^\/apis(\/.*)?$/, /^\/openapi(\/.*)?$/];

/** Reads roles and bindings afresh for every request: there are few, and they change under the tests' hands. */
export class Authorizer {
  readonly #store: StoreReader;
  readonly #alwaysAllow: boolean;

  constructor(store: StoreReader, mode: 'rbac' | 'always-allow') {
    this.#store = store;
    this.#alwaysAllow = mode === 'always-allow';
  }

  decide(user: UserInfo, wanted: Attributes): Decision {
    if (this.#alwaysAllow || user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    if (!wanted.isResource) return { allowed: mayReadPath(user, wanted), reason: '' };
    if (isSelfReview(wanted) && user.groups.includes('system:authenticated')) return { allowed: true, reason: '' };
    return this.#fromBindings(user, wanted) ?? { allowed: false, reason: '' };
  }

  /** Throws 403 in the words of a real server. */
  check(user: UserInfo, wanted: Attributes): void {
    if (!this.decide(user, wanted).allowed) throw forbidden(user, wanted);
  }

  #fromBindings(user: UserInfo, wanted: Attributes): Decision | undefined {
    const clusterWide = this.#store.list(CLUSTER_ROLE_BINDINGS);
    const local = wanted.namespace === undefined ? [] : this.#store.list(ROLE_BINDINGS, wanted.namespace);
    for (const binding of [...clusterWide, ...local]) {
      const subject = subjectFor(binding, user);
      if (subject === undefined) continue;
      const rules = this.#rulesOf(binding);
      if (!rules.some((rule) => allows(rule, wanted))) continue;
      return { allowed: true, reason: reasonOf(binding, subject) };
    }
    return undefined;
  }

  #rulesOf(binding: ApiObject): readonly PolicyRule[] {
    const reference = isJsonObject(binding['roleRef']) ? binding['roleRef'] : {};
    const name = String(reference['name'] ?? '');
    const [kind, namespace]: readonly [ResourceKind, string] =
      reference['kind'] === 'ClusterRole' ? [CLUSTER_ROLES, ''] : [ROLES, binding.metadata.namespace ?? ''];
    const rules = this.#store.get(kind, namespace, name)?.['rules'];
    return Array.isArray(rules) ? (rules as readonly PolicyRule[]) : [];
  }
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

function subjectFor(binding: ApiObject, user: UserInfo): Subject | undefined {
  const subjects = Array.isArray(binding['subjects']) ? (binding['subjects'] as readonly Subject[]) : [];
  return subjects.find((subject) => {
    if (subject.kind === 'User') return subject.name === user.username;
    if (subject.kind === 'Group') return user.groups.includes(subject.name);
    const namespace = subject.namespace ?? binding.metadata.namespace;
    return user.username === `system:serviceaccount:${namespace}:${subject.name}`;
  });
}

function reasonOf(binding: ApiObject, subject: Subject): string {
  const reference = binding['roleRef'] as { readonly kind: string; readonly name: string };
  const { name, namespace } = binding.metadata;
  const bound = JSON.stringify(namespace === undefined ? name : `${name}/${namespace}`);
  const who = JSON.stringify(subject.namespace === undefined ? subject.name : `${subject.name}/${subject.namespace}`);
  return (
    `RBAC: allowed by ${binding.kind} ${bound} of ${reference.kind} ` +
    `${JSON.stringify(reference.name)} to ${subject.kind} ${who}`
  );
}

function includes(list: readonly string[] | undefined, wanted: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(wanted));
}

function allows(rule: PolicyRule, wanted: Attributes): boolean {
  if (!includes(rule.verbs, wanted.verb) || !includes(rule.apiGroups, wanted.group)) return false;
  const { resource, subresource } = wanted;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const resources = rule.resources ?? [];
  const named = resources.includes(full) || resources.includes('*') || resources.includes(`*/${subresource}`);
  if (!named) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || (wanted.name !== '' && names.includes(wanted.name));
}

function mayReadPath(user: UserInfo, wanted: Attributes): boolean {
  if (wanted.verb !== 'get') return false;
  const { path } = wanted;
  if (PUBLIC_PATHS.some((open) => path === open)) return true;
  return user.groups.includes('system:authenticated') && DISCOVERY_PATHS.some((pattern) => pattern.test(path));
}

/** Everybody may ask what they themselves may do (the role system:basic-user). */
function isSelfReview(wanted: Attributes): boolean {
  return (
    wanted.verb === 'create' && wanted.group === 'authorization.k8s.io' && wanted.resource.startsWith('selfsubject')
  );
}

/** 403 (facts 28 and 29). */
function forbidden(user: UserInfo, wanted: Attributes): StatusError {
  const who = `User ${JSON.stringify(user.username)}`;
  if (!wanted.isResource) {
    const message = `forbidden: ${who} cannot ${wanted.verb} path ${JSON.stringify(wanted.path)}`;
    return new StatusError(403, 'Forbidden', message, {});
  }
  const { group, resource, subresource, name, namespace, verb } = wanted;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const subject = name === '' ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const message =
    `${subject} is forbidden: ${who} cannot ${verb} resource ${JSON.stringify(what)} ` +
    `in API group ${JSON.stringify(group)} ${where}`;
  return new StatusError(403, 'Forbidden', message, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}
