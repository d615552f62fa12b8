/**
 * What the service account of the simulated Pods may do.
 */

/** The verbs that are granted on Leases, and on Pods. */
export interface Permissions {
  readonly leases: readonly string[];
  readonly pods: readonly string[];
}

/** All that a sidecar is granted (NAIS: `rolebinding.yaml`), and all that any neighbour is granted here. */
export const NEIGHBOUR_PERMISSIONS: Permissions = {
  leases: ['get', 'list', 'watch', 'create', 'update'],
  pods: ['get', 'list', 'watch'],
};

/** All that an elector can make use of. */
export const ALL_PERMISSIONS: Permissions = {
  leases: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  pods: ['get', 'list', 'watch'],
};
