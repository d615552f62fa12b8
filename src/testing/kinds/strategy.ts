/**
 * What a kind of object must state about itself, as a strategy of a real API server does.
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
  /** Keeps what a replace may not touch. `subresource` is `status` or empty. */
  prepareForUpdate(next: ApiObject, current: ApiObject, subresource: string): ApiObject;
  validate(object: ApiObject): readonly FieldError[];
  validateUpdate(next: ApiObject, current: ApiObject, subresource: string): readonly FieldError[];
  /**
   * The grace period of a first deletion in seconds; undefined when the kind knows none.
   *
   * @param requested the gracePeriodSeconds of the request
   */
  gracePeriodSeconds(object: ApiObject, requested: number | undefined): number | undefined;
  /** Marks an object that stays after its deletion until a controller removes it; undefined when none does. */
  readonly terminating?: (object: ApiObject) => ApiObject;
}
