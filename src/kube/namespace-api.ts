/** Reads a namespace, for the message about a Pod that does not exist. An elector in a Pod does not read namespaces. */

import type { ApiTransport } from './api-client.ts';

/** Whether the namespace exists; `null` when the answer does not show it. */
export async function namespaceExists(client: ApiTransport, name: string): Promise<boolean | null> {
  const answer = await client.request({ verb: 'get', apiGroup: '', resource: 'namespaces', namespace: '', name });
  if (answer.ok) return true;
  return answer.absent ? false : null;
}
