/**
 * The type of a strategy: the rules that each kind of object defines, as in a real API server.
 */

import type { ApiObject } from '../objects/api-object.ts';
import type { FieldError } from '../objects/status.ts';
import type { NameRule } from './validation.ts';

/** The rules of one kind. */
export interface Strategy {
  readonly nameRule: NameRule;
  /** PUT to a missing object creates it (fact 4). */
  readonly createsOnUpdate: boolean;
  /** PUT without resourceVersion overwrites (fact 1). */
  readonly overwritesUnconditionally: boolean;
  /** DELETE answers with the object, not with a Status (fact 11). */
  readonly returnsDeletedObject: boolean;
  /** Fills in defaults of a new object. */
  prepareForCreate(object: ApiObject): ApiObject;
  /** Keeps the fields that a replace must not change. `subresource` is `status` or empty. */
  prepareForUpdate(next: ApiObject, current: ApiObject, subresource: string): ApiObject;
  validate(object: ApiObject): readonly FieldError[];
  validateUpdate(next: ApiObject, current: ApiObject, subresource: string): readonly FieldError[];
  /**
   * The grace period of a first deletion in seconds; undefined for a kind without grace periods.
   *
   * @param requested the gracePeriodSeconds of the request
   */
  gracePeriodSeconds(object: ApiObject, requested: number | undefined): number | undefined;
  /** Marks an object that stays after its deletion until a controller removes it; undefined for a kind without one. */
  readonly terminating?: (object: ApiObject) => ApiObject;
}
