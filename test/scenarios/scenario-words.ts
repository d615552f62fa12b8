/**
 * The text of Leases, Pods, requests and watch events in a story. It has the names of the story instead of uids, and
 * counts resourceVersions from the start of the story.
 */

import type { V1Lease } from '@kubernetes/client-node';
import { type ApiRequest, methodOf, pathOf } from '../../src/kube/api-request.ts';
import { RELEASED_ANNOTATION } from '../../src/kube/lease-mapping.ts';

/**
 * A Lease, a Pod, a list or a Status in an answer of the API server. Only fields that the stories mention are typed.
 */
export type Wire = Partial<V1Lease> & {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  readonly items?: readonly Wire[];
  readonly reason?: string;
};

/** One line of a watch. */
export interface WireEvent {
  readonly type: string;
  readonly object: Wire;
}

export class ScenarioWords {
  readonly #baseRevision: number;
  /** The names of Pods and Leases, by uid. */
  readonly #names = new Map<string, string>();
  #leases = 0;

  /** @param baseRevision the revision at which the story begins */
  constructor(baseRevision: number) {
    this.#baseRevision = baseRevision;
  }

  namePod(uid: string, name: string): void {
    this.#names.set(uid, name);
  }

  /** The name of the Pod or Lease with this uid in the story. A Lease without a name gets one. */
  nameOf(uid: string | undefined): string {
    const known = this.#names.get(uid ?? '');
    if (known !== undefined) return known;
    this.#leases += 1;
    const name = `lease-${this.#leases}`;
    this.#names.set(uid ?? '', name);
    return name;
  }

  /** The uid of the Pod or Lease with this name. */
  uidOf(name: string): string {
    for (const [uid, known] of this.#names) if (known === name) return uid;
    throw new Error(`no Pod or Lease of this story is called ${name}`);
  }

  version(resourceVersion: string | bigint | undefined): string {
    return String(BigInt(resourceVersion ?? 0) - BigInt(this.#baseRevision));
  }

  lease({ metadata, spec }: Wire): string {
    const owner = metadata?.ownerReferences?.[0];
    const name = this.nameOf(metadata?.uid);
    if (owner === undefined) return `${name} without an owner, holder ${spec?.holderIdentity}`;
    const released = metadata?.annotations?.[RELEASED_ANNOTATION] === owner.uid ? ', released' : '';
    return `${name} of ${this.nameOf(owner.uid)}${released}`;
  }

  pod({ metadata, status }: Wire): string {
    const name = this.nameOf(metadata?.uid);
    const which = name === metadata?.name ? 'it' : `${name}, which`;
    const ended = status?.phase === 'Failed' || status?.phase === 'Succeeded' ? `, ${status.phase}` : '';
    const lost = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'False') === true;
    const how = metadata?.deletionTimestamp === undefined ? 'exists' : 'is being deleted';
    return `${which} ${how}${ended}${lost ? ', not ready' : ''}`;
  }

  object(request: ApiRequest, object: Wire): string {
    return request.resource === 'leases' ? this.lease(object) : this.pod(object);
  }

  /** The text of a request. */
  request(request: ApiRequest): string {
    const object = request.resource === 'leases' ? 'Lease' : `Pod ${request.name}`;
    const cached = request.verb !== 'watch' && pathOf(request).includes('resourceVersion') ? ' from a cache' : '';
    const body = (request.body ?? {}) as Wire & { readonly preconditions?: Record<string, string> };
    const { preconditions: only } = body;
    const condition =
      only === undefined ? '' : ` if it is ${this.nameOf(only['uid'])} at ${this.version(only['resourceVersion'])}`;
    const released = body.metadata?.annotations?.[RELEASED_ANNOTATION] === undefined ? '' : ' as released';
    return `${verbOf(request)} ${object}${cached}${released}${condition}`;
  }

  /** The text of an answer. */
  answer(request: ApiRequest, status: number, answer: Wire): string {
    if (status === 404) return 'there is none';
    if (status === 409) return `409 ${answer.reason}`;
    if (status >= 300 || request.verb === 'delete') return String(status);
    if (request.verb === 'list') {
      const [item] = answer.items ?? [];
      return item === undefined ? 'there is none' : this.object(request, item);
    }
    if (request.verb === 'get') return this.object(request, answer);
    const lease = `${this.lease(answer)}, version ${this.version(answer.metadata?.resourceVersion)}`;
    return request.verb === 'create' ? `201 ${lease}` : String(status);
  }

  event(request: ApiRequest, { type, object }: WireEvent): string {
    if (type === 'ERROR') return `ERROR ${object.reason}`;
    if (type !== 'DELETED') return `${type}: ${this.object(request, object)}`;
    const name = this.nameOf(object.metadata?.uid);
    return name === request.name ? type : `${type}: ${name}`;
  }
}

/** `GET`, `LIST`, `WATCH`, `POST`, `PUT` or `DELETE`. */
export function verbOf({ verb }: ApiRequest): string {
  return verb === 'list' || verb === 'watch' ? verb.toUpperCase() : methodOf(verb);
}
