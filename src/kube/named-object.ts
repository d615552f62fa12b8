/** Reads one Pod or Node by its name. */

import type { Answer } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { malformed } from './api-error.ts';
import { type ApiObject, type ExpectedObject, explainProblem, readObject } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';
import { isName } from './object-name.ts';

/**
 * A consistent read; `null` when the API server answers that no object has this name.
 *
 * @param read returns the part of the object that the caller needs
 */
export async function readNamedObject<Value>(
  client: ApiTransport,
  request: ApiRequest,
  expected: ExpectedObject,
  read: (object: ApiObject) => Value,
): Promise<Answer<Value | null>> {
  // The name in an owner reference can be `..`, whose path would lead to another object. The names of Nodes and Pods
  // have the same rule.
  if (!isName('Pod', request.name))
    return { ok: false, failure: malformed(request, `no ${expected.kind} can have that name`) };
  const answer = await client.request(request);
  if (!answer.ok) return answer.absent ? { ok: true, value: null } : { ok: false, failure: answer.failure };
  const reading = readObject(answer.value, expected, 'whole');
  return reading.ok
    ? { ok: true, value: read(reading.value) }
    : { ok: false, failure: malformed(request, explainProblem('the answer', reading.problem)) };
}
