/**
 * The types of an answer's form. `representation.ts` and `table.ts` write the forms.
 */

/** A form of answer. */
export interface Representation {
  readonly form: 'object' | 'partial' | 'table';
  readonly contentType: string;
  /** Version of meta.k8s.io of a table or of partial objects. */
  readonly metaVersion: string;
  /** How much of the object a table row carries. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

/** The fields of a list besides its items. */
export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}
