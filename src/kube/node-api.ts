/**
 * Reads the node of a Pod, for people who want to know whether it is well.
 *
 * An elector does not read Nodes: its Role is that of a namespace.
 */

import type { NodeRecord } from '../core/node-record.ts';
import type { Answer } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { isObject, malformed } from './api-error.ts';
import { explainProblem, readObject } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';
import { parseMicroTime, stringOrNull } from './lease-mapping.ts';
import { isName } from './object-name.ts';

/** A consistent read of a Node; `null` when the API server says that there is none of that name. */
export async function readNode(client: ApiTransport, name: string): Promise<Answer<NodeRecord | null>> {
  const request: ApiRequest = { verb: 'get', apiGroup: '', resource: 'nodes', namespace: '', name };
  // A Node is named by the same rule as a Pod.
  if (!isName('Pod', name)) return { ok: false, failure: malformed(request, 'no Node can have that name') };
  const answer = await client.request(request);
  if (!answer.ok) return answer.absent ? { ok: true, value: null } : { ok: false, failure: answer.failure };
  const expected = { apiVersion: 'v1', kind: 'Node', namespace: '', name } as const;
  const reading = readObject(answer.value, expected, 'whole');
  if (!reading.ok) return { ok: false, failure: malformed(request, explainProblem('the answer', reading.problem)) };
  const conditions = reading.value.status?.['conditions'];
  const ready = Array.isArray(conditions)
    ? conditions.filter(isObject).find(({ type }) => type === 'Ready')
    : undefined;
  return {
    ok: true,
    value: {
      name,
      ready: stringOrNull(ready?.['status']),
      reason: stringOrNull(ready?.['reason']),
      readyChangedAtMs: parseMicroTime(ready?.['lastTransitionTime']),
    },
  };
}
