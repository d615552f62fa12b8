/**
 * The permissions of the Pods of a test.
 */

import { ELECTOR_RULES, type PolicyRule } from '../../src/testing/index.ts';

/** Verbs on Leases, and on Pods. */
export interface Permissions {
  readonly leases: readonly string[];
  readonly pods: readonly string[];
}

/** The Role of the README: all permissions that an elector uses with the default options. */
export const ALL_PERMISSIONS: Permissions = { leases: verbsOn('leases'), pods: verbsOn('pods') };

/** The permissions that NAIS grants its sidecar, and so an elector that replaces the sidecar. */
export const SIDECAR_PERMISSIONS: Permissions = { ...ALL_PERMISSIONS, leases: ['get', 'list', 'watch', 'create'] };

/** The permissions of a foreign process that works on the same Lease. */
export const FOREIGN_PROCESS_PERMISSIONS: Permissions = {
  ...SIDECAR_PERMISSIONS,
  leases: ['get', 'list', 'watch', 'create', 'update'],
};

/** The rules of a Role that grants these permissions. */
export function rulesOf(permissions: Permissions): PolicyRule[] {
  const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: permissions.leases };
  const pods = { apiGroups: [''], resources: ['pods'], verbs: permissions.pods };
  // A rule without verbs is invalid.
  return [leases, pods].filter(({ verbs }) => verbs.length > 0);
}

function verbsOn(resource: string): readonly string[] {
  return ELECTOR_RULES.filter(({ resources }) => resources?.includes(resource)).flatMap(({ verbs }) => verbs);
}
