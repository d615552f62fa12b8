/**
 * Permissions: RBAC over the roles and bindings in the store. authentication.ts finds the user.
 */

import type { Clock } from '../../runtime/clock.ts';
import { type ApiObject, isJsonObject } from '../objects/api-object.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, type ResourceKind, ROLE_BINDINGS, ROLES } from '../objects/resources.ts';
import { StatusError } from '../objects/status.ts';
import type { StoreReader } from '../storage/store.ts';
import type { UserInfo } from './authentication.ts';

/**
 * A rule of a Role, in the fields of Kubernetes ("Using RBAC Authorization"). It allows each of its verbs on each of
 * its resources. `'*'` in a list stands for everything.
 */
export interface PolicyRule {
  /** The API groups of the resources; `''` is the core group. @default none: the rule allows no resource */
  readonly apiGroups?: readonly string[] | undefined;
  /** The resources in the plural, such as `leases`, or with a subresource, such as `pods/status`. @default none */
  readonly resources?: readonly string[] | undefined;
  /**
   * The names of the only objects that the rule allows. It then allows neither `list` nor `watch` without a field
   * selector for the name, and no `create` (fact 29). @default all objects
   */
  readonly resourceNames?: readonly string[] | undefined;
  /**
   * Paths that belong to no resource, such as `/metrics`. The server stores them and does not evaluate them: its
   * built-in roles open the paths of health and discovery.
   *
   * @default none
   */
  readonly nonResourceURLs?: readonly string[] | undefined;
  /** The verbs that are allowed, such as `get` and `watch`. */
  readonly verbs: readonly string[];
}

/** An action to authorize. */
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

/** Whether the action is allowed, and the reason. */
export interface Decision {
  readonly allowed: boolean;
  /** The role that allows it; for a refusal the roles that were not found, or an empty text. */
  readonly reason: string;
}

/** Paths that need no permission at all (the flag `--authorization-always-allow-paths` of a real server). */
const ALWAYS_OPEN_PATHS: readonly string[] = ['/healthz', '/livez', '/readyz'];
/** Paths open to all requests, except those with an invalid token (fact 28). */
const PUBLIC_PATHS: readonly string[] = ['/version', ...ALWAYS_OPEN_PATHS];
/** Paths open to every valid token: discovery. */
const DISCOVERY_PATHS: readonly RegExp[] = [/^\/api(\/.*)?$/, /^\/apis(\/.*)?$/, /^\/openapi(\/.*)?$/];

/** Reads roles and bindings for every request: there are few, and tests change them at any time. */
export class Authorizer {
  readonly #store: StoreReader;
  readonly #clock: Clock;
  readonly #alwaysAllow: boolean;
  /** Before this time no role is found, as in a server whose cache of roles is still empty. */
  #rolesReadAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: StoreReader, clock: Clock, mode: 'rbac' | 'always-allow') {
    this.#store = store;
    this.#clock = clock;
    this.#alwaysAllow = mode === 'always-allow';
  }

  /** Acts as a server that has just started: it finds no role for this time. */
  warmUp(forMs: number): void {
    this.#rolesReadAtMs = this.#clock.nowMs() + forMs;
  }

  decide(user: UserInfo, wanted: Attributes): Decision {
    if (this.#alwaysAllow || user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    const builtIn = builtInRoleFor(user, wanted);
    if (builtIn !== undefined) return this.#fromBuiltIn(builtIn);
    return wanted.isResource ? this.#fromBindings(user, wanted) : { allowed: false, reason: '' };
  }

  /** Throws 403 in the words of a real server. */
  check(user: UserInfo, wanted: Attributes): void {
    const { allowed, reason } = this.decide(user, wanted);
    if (!allowed) throw forbidden(user, wanted, reason);
  }

  get #rolesAreRead(): boolean {
    return this.#clock.nowMs() >= this.#rolesReadAtMs;
  }

  #fromBuiltIn(role: string): Decision {
    if (role === NO_ROLE || this.#rolesAreRead) return { allowed: true, reason: '' };
    return { allowed: false, reason: rolesNotFound([missing(CLUSTER_ROLES, role)]) };
  }

  #fromBindings(user: UserInfo, wanted: Attributes): Decision {
    const clusterWide = this.#store.list(CLUSTER_ROLE_BINDINGS);
    const local = wanted.namespace === undefined ? [] : this.#store.list(ROLE_BINDINGS, wanted.namespace);
    const notFound: string[] = [];
    for (const binding of [...clusterWide, ...local]) {
      const subject = subjectFor(binding, user);
      if (subject === undefined) continue;
      const rules = this.#rulesOf(binding);
      if (typeof rules === 'string') notFound.push(rules);
      else if (rules.some((rule) => allows(rule, wanted))) return { allowed: true, reason: reasonOf(binding, subject) };
    }
    return { allowed: false, reason: rolesNotFound(notFound) };
  }

  /** The rules of the role that a binding names, or the message that it was not found. */
  #rulesOf(binding: ApiObject): readonly PolicyRule[] | string {
    const reference = isJsonObject(binding['roleRef']) ? binding['roleRef'] : {};
    const name = String(reference['name'] ?? '');
    const [kind, namespace]: readonly [ResourceKind, string] =
      reference['kind'] === 'ClusterRole' ? [CLUSTER_ROLES, ''] : [ROLES, binding.metadata.namespace ?? ''];
    const role = this.#rolesAreRead ? this.#store.get(kind, namespace, name) : undefined;
    if (role === undefined) return missing(kind, name);
    const rules = role['rules'];
    return Array.isArray(rules) ? (rules as readonly PolicyRule[]) : [];
  }
}

function missing(kind: ResourceKind, name: string): string {
  return `${kind.kind.toLowerCase()}.${kind.group} ${JSON.stringify(name)} not found`;
}

/**
 * The reason of a refusal when roles are missing: the error of each binding, without duplicates, in brackets when there are
 * several (kubernetes: plugin/pkg/auth/authorizer/rbac/rbac.go, Authorize; apimachinery: util/errors, NewAggregate).
 */
function rolesNotFound(errors: readonly string[]): string {
  const [first, ...others] = new Set(errors);
  if (first === undefined) return '';
  return others.length === 0 ? `RBAC: ${first}` : `RBAC: [${[first, ...others].join(', ')}]`;
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

/** The value for a permission that no role grants. */
const NO_ROLE = '';

/** The default role that allows this action to all users, or to all with a valid token. */
function builtInRoleFor(user: UserInfo, wanted: Attributes): string | undefined {
  const authenticated = user.groups.includes('system:authenticated');
  if (wanted.isResource) return authenticated && isSelfReview(wanted) ? 'system:basic-user' : undefined;
  if (wanted.verb !== 'get') return undefined;
  const { path } = wanted;
  if (ALWAYS_OPEN_PATHS.includes(path)) return NO_ROLE;
  if (PUBLIC_PATHS.includes(path)) return 'system:public-info-viewer';
  return authenticated && DISCOVERY_PATHS.some((pattern) => pattern.test(path)) ? 'system:discovery' : undefined;
}

/** Every user may query their own permissions (the role system:basic-user). */
function isSelfReview(wanted: Attributes): boolean {
  return (
    wanted.verb === 'create' && wanted.group === 'authorization.k8s.io' && wanted.resource.startsWith('selfsubject')
  );
}

/** 403 (facts 28 and 29). */
function forbidden(user: UserInfo, wanted: Attributes, reason: string): StatusError {
  const who = `User ${JSON.stringify(user.username)}`;
  const because = reason === '' ? '' : `: ${reason}`;
  if (!wanted.isResource) {
    const message = `forbidden: ${who} cannot ${wanted.verb} path ${JSON.stringify(wanted.path)}${because}`;
    return new StatusError(403, 'Forbidden', message, {});
  }
  const { group, resource, subresource, name, namespace, verb } = wanted;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const subject = name === '' ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const message =
    `${subject} is forbidden: ${who} cannot ${verb} resource ${JSON.stringify(what)} ` +
    `in API group ${JSON.stringify(group)} ${where}${because}`;
  return new StatusError(403, 'Forbidden', message, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}
