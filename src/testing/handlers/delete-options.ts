/**
 * The options of a DELETE (Kubernetes' DeleteOptions): from the body if there is one, else from the query.
 * registry.ts applies them.
 */

import { decodeFields, FieldTypeError, readBody } from '../formats/decoding.ts';
import { JsonSyntaxError } from '../formats/json-reader.ts';
import { YamlSyntaxError } from '../formats/yaml.ts';
import { isJsonObject, type JsonObject } from '../objects/api-object.ts';
import type { StructType } from '../objects/schemas.ts';
import { badRequest, type FieldError, invalidOptions } from '../objects/status.ts';
import type { DeleteOptions } from '../storage/registry.ts';
import type { ResourceContext } from './api-request.ts';
import { checkDryRun, dryRunError, parseInteger } from './list-options.ts';
import { isTrue } from './routes.ts';

const SCHEME = 'in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"';

/** The fields of the options. */
export const DELETE_OPTIONS: StructType = {
  goName: 'v1.DeleteOptions',
  fields: {
    kind: 'omitEmpty',
    apiVersion: 'omitEmpty',
    gracePeriodSeconds: 'int64',
    preconditions: { goName: 'v1.Preconditions', fields: { uid: 'string', resourceVersion: 'string' } },
    orphanDependents: 'bool',
    propagationPolicy: 'string',
    dryRun: { items: 'string' },
    ignoreStoreReadErrorWithClusterBreakingPotential: 'bool',
  },
};

/** Reads the options (fact 10). Throws 400, 415 and 422. */
export function readDeleteOptions(context: ResourceContext): DeleteOptions {
  const body = context.request.body ?? '';
  return checkDeleteOptions(body === '' ? optionsOfQuery(context.query) : optionsOfBody(body, context));
}

/** Options whose fields have the right types. Throws 422 for invalid values. */
export function checkDeleteOptions(given: JsonObject): DeleteOptions {
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'].map(String) : [];
  const errors = [...policyErrors(given), ...(checkDryRun(dryRun) ? [] : [dryRunError(dryRun)])];
  if (errors.length > 0) throw invalidOptions('DeleteOptions', errors);
  const { gracePeriodSeconds, preconditions, propagationPolicy, orphanDependents } = given;
  const policy = orphanDependents === undefined ? propagationPolicy : orphanDependents ? 'Orphan' : 'Background';
  return {
    ...(typeof gracePeriodSeconds === 'number' ? { gracePeriodSeconds } : {}),
    ...(isJsonObject(preconditions) ? { preconditions } : {}),
    ...(policy === undefined ? {} : { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> }),
    dryRun: dryRun.length > 0,
  };
}

function policyErrors({ propagationPolicy: policy, orphanDependents }: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (policy === undefined) return errors;
  if (orphanDependents !== undefined) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push({ type: 'Invalid', field: 'propagationPolicy', value: policy, detail });
  }
  if (policy !== 'Foreground' && policy !== 'Background' && policy !== 'Orphan') {
    const detail = 'supported values: "Foreground", "Background", "Orphan", "nil"';
    errors.push({ type: 'NotSupported', field: 'propagationPolicy', value: policy, detail });
  }
  return errors;
}

function optionsOfQuery(query: URLSearchParams): JsonObject {
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  const uid = query.get('uid') ?? '';
  const dryRun = query.getAll('dryRun');
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: parseInteger(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    ...(uid === '' ? {} : { preconditions: { uid } }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  };
}

function optionsOfBody(body: string, context: ResourceContext): JsonObject {
  try {
    const document = readBody(body, context.request.headers['content-type']);
    const options = isJsonObject(document.value) ? document.value : {};
    const kind = options['kind'];
    if (typeof kind === 'string' && kind !== '' && kind !== 'DeleteOptions') {
      const version = JSON.stringify(options['apiVersion'] ?? '');
      throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${version} ${SCHEME}`);
    }
    return decodeFields(DELETE_OPTIONS, options, document.numberTexts);
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof YamlSyntaxError) {
      throw badRequest(`couldn't get version/kind; json parse error: ${error.message}`);
    }
    if (error instanceof FieldTypeError) throw badRequest(error.message);
    throw error;
  }
}
