/**
 * An admission webhook for writes to Leases: it refuses some verbs with 400, or removes a field from the written
 * object. It applies to every client.
 */

import type { ApiRequest } from '../../src/kube/api-request.ts';
import { RELEASED_ANNOTATION } from '../../src/kube/lease-mapping.ts';
import type { ApiResponse } from '../../src/testing/index.ts';

/** The change to a written object. */
export type Change = 'removes the owner' | 'removes the release';

export interface Webhook {
  readonly refusal: ApiResponse;
  refuses(request: ApiRequest): boolean;
  /** The request with the admitted object. Returns the same request if nothing is changed. */
  change(request: ApiRequest): ApiRequest;
}

const MESSAGE = 'admission webhook "policy.example.com" denied the request: not today';

const REFUSAL: ApiResponse = {
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: MESSAGE,
    code: 400,
  }),
};

/** Refuses these verbs on Leases. */
export function refusingWebhook(verbs: readonly string[]): Webhook {
  return {
    refusal: REFUSAL,
    refuses: ({ resource, verb }) => resource === 'leases' && verbs.includes(verb),
    change: (request) => request,
  };
}

interface WireLease {
  readonly metadata?: {
    readonly ownerReferences?: unknown;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Changes the Leases that are created or replaced. */
export function changingWebhook(change: Change): Webhook {
  return {
    refusal: REFUSAL,
    refuses: () => false,
    change: (request) => {
      if (request.resource !== 'leases' || (request.verb !== 'create' && request.verb !== 'update')) return request;
      const lease = request.body as WireLease;
      const metadata = lease.metadata ?? {};
      if (change === 'removes the owner') {
        if (metadata.ownerReferences === undefined) return request;
        const { ownerReferences: _taken, ...rest } = metadata;
        return { ...request, body: { ...lease, metadata: rest } };
      }
      const { [RELEASED_ANNOTATION]: released, ...annotations } = metadata.annotations ?? {};
      if (released === undefined) return request;
      return { ...request, body: { ...lease, metadata: { ...metadata, annotations } } };
    },
  };
}
