/**
 * The part of OpenAPI (version 3) from which kubectl learns that the server checks fields itself: paths with
 * their query parameters, without schemas. `kubectl explain` finds nothing in it.
 */

import type { JsonObject } from '../objects/api-object.ts';
import { apiVersionOf, RESOURCE_KINDS, type ResourceKind } from '../objects/resources.ts';

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

function rootOf(kind: ResourceKind): string {
  return `${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind)}`;
}

const ROOTS: readonly string[] = [...new Set(RESOURCE_KINDS.map(rootOf))];

/** The document at a path below /openapi; undefined when there is none. */
export function openApiAt(path: string): JsonObject | undefined {
  if (path === '/openapi/v3') {
    return { paths: Object.fromEntries(ROOTS.map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}` }])) };
  }
  const root = path.replace(/^\/openapi\/v3\//, '');
  return ROOTS.includes(root) ? openApiDocument(root) : undefined;
}

function openApiDocument(root: string): JsonObject {
  const paths: JsonObject = {};
  for (const kind of RESOURCE_KINDS.filter((candidate) => rootOf(candidate) === root)) {
    const collection = `/${root}/${kind.namespaced ? 'namespaces/{namespace}/' : ''}${kind.resource}`;
    const operation = (action: string): JsonObject => ({
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group: kind.group, kind: kind.kind, version: kind.version },
      parameters: WRITE_PARAMETERS,
      responses: { 200: { description: 'OK' } },
    });
    paths[collection] = { post: operation('post') };
    paths[`${collection}/{name}`] = { put: operation('put'), patch: operation('patch') };
  }
  return { openapi: '3.0.0', info: { title: 'lease-elector', version: 'v1' }, paths, components: { schemas: {} } };
}
