/**
 * Reads the node of a Pod and its condition `Ready`, for people.
 *
 * An elector does not read Nodes, because its Role is limited to a namespace.
 */

import type { NodeRecord } from '../core/node-record.ts';
import type { Answer } from '../driver/ports.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { ApiTransport } from './api-client.ts';
import type { ApiRequest } from './api-request.ts';
import { parseMicroTime, stringOrNull } from './lease-mapping.ts';
import { readNamedObject } from './named-object.ts';

/** A consistent read of a Node; `null` when the API server answers that no Node has this name. */
export async function readNode(client: ApiTransport, name: string): Promise<Answer<NodeRecord | null>> {
  const request: ApiRequest = { verb: 'get', apiGroup: '', resource: 'nodes', namespace: '', name };
  const expected = { apiVersion: 'v1', kind: 'Node', namespace: '', name } as const;
  return readNamedObject(client, request, expected, ({ status }) => {
    const conditions = status?.['conditions'];
    const ready = Array.isArray(conditions)
      ? conditions.filter(isObject).find(({ type }) => type === 'Ready')
      : undefined;
    return {
      name,
      ready: stringOrNull(ready?.['status']),
      reason: stringOrNull(ready?.['reason']),
      readyChangedAtMs: parseMicroTime(ready?.['lastTransitionTime']),
    };
  });
}
