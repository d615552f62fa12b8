/**
 * Tables, as `kubectl get` requests them from the server (wire recording list-table). The columns are in
 * columns.ts.
 */

import { type ApiObject, type JsonObject, partialObject } from '../objects/api-object.ts';
import { PODS, type ResourceKind } from '../objects/resources.ts';
import { columnsOf } from './columns.ts';
import type { ListMeta, Representation } from './representation-type.ts';

/** A table of objects; the query parameter includeObject selects the part of the object in each row. */
export function tableOf(
  kind: ResourceKind,
  objects: readonly ApiObject[],
  representation: Representation,
  nowMs: number,
  meta: ListMeta,
): Readonly<JsonObject> {
  const columns = columnsOf(kind);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${representation.metaVersion}`,
    metadata: meta,
    columnDefinitions: columns.map(({ cell: _cell, ...definition }) => definition),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, nowMs)),
      ...rowConditions(kind, object),
      ...rowObject(object, representation),
    })),
  };
}

const COMPLETED: Readonly<Record<string, string>> = {
  Succeeded: 'The pod has completed successfully.',
  Failed: 'The pod failed.',
};

/** The row of a Pod that has ended contains a condition. */
function rowConditions(kind: ResourceKind, object: ApiObject): Readonly<JsonObject> {
  const phase = kind === PODS ? String(object.status?.['phase'] ?? '') : '';
  const message = COMPLETED[phase];
  if (message === undefined) return {};
  return { conditions: [{ type: 'Completed', status: 'True', reason: phase, message }] };
}

function rowObject(object: ApiObject, representation: Representation): Readonly<JsonObject> {
  switch (representation.includeObject) {
    case 'None':
      return { object: null };
    case 'Object':
      return { object };
    case 'Metadata':
      return { object: partialObject(object, representation.metaVersion) };
  }
}
