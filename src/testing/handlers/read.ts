/**
 * GET: one object, a list, a watch; at the present or at an older resourceVersion.
 */

import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { writeYaml } from '../../runtime/yaml-text.ts';
import { negotiate, renderList, renderObject } from '../formats/representation.ts';
import type { ListMeta, Representation } from '../formats/representation-type.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { badRequest, StatusError } from '../objects/status.ts';
import type { Registry } from '../storage/registry.ts';
import type { Store } from '../storage/store.ts';
import { Watch, type WatchParameters } from '../storage/watch.ts';
import { type ApiResponse, jsonResponse, type ResourceContext } from './api-request.ts';
import { ContinueExpiredError, type ContinueToken, readContinueToken, writeContinueToken } from './continue-token.ts';
import { type ListOptions, parseResourceVersion, readListOptions } from './list-options.ts';

/** How long a read waits for a version from the future (fact 18). */
const FUTURE_VERSION_WAIT_MS = 3000;
/**
 * The shortest time-out of a watch without `timeoutSeconds`, in milliseconds. The time-out is drawn at random between this
 * and twice this.
 */
const MIN_WATCH_TIMEOUT_MS = 1_800_000;

/** Answers reads. */
export class ReadRequests {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #watches = new Set<Watch>();

  constructor(store: Store, registry: Registry, clock: Clock, random: Random) {
    this.#store = store;
    this.#registry = registry;
    this.#clock = clock;
    this.#random = random;
    store.onWrite((event) => {
      for (const watch of this.#watches) {
        if (watch.parameters.kind.resource === event.kind.resource) watch.show(event);
      }
    });
  }

  /** The watches that are open. */
  get watches(): ReadonlySet<Watch> {
    return this.#watches;
  }

  get(context: ResourceContext): ApiResponse | Promise<ApiResponse> {
    const { kind, namespace, info, query } = context;
    const representation = this.#negotiate(context, false);
    const version = parseResourceVersion(query.get('resourceVersion') ?? '');
    return this.#atLeast(version, () => {
      const object = this.#registry.get(kind, namespace, info.name);
      return textOf(representation, renderObject(representation, kind, object, this.#clock.wallMs()));
    });
  }

  list(context: ResourceContext): ApiResponse | Promise<ApiResponse> {
    const options = readListOptions(context.kind, context.query, false);
    const representation = this.#negotiate(context, false, true);
    const version = parseResourceVersion(options.resourceVersion, (message) =>
      badRequest(`invalid resource version: ${message}`),
    );
    return this.#atLeast(version, () => {
      const { items, meta } = this.page(context, options, version);
      return textOf(representation, renderList(representation, context.kind, items, meta, this.#clock.wallMs()));
    });
  }

  /** The items of a list: all, or one piece. */
  page(
    context: ResourceContext,
    options: ListOptions,
    version: number,
  ): { readonly items: readonly ApiObject[]; readonly meta: ListMeta } {
    const { kind, info } = context;
    const namespace = info.namespace;
    const token = options.continueToken === '' ? undefined : readContinueToken(options);
    const exact = token?.revision ?? (options.resourceVersionMatch === 'Exact' ? version : undefined);
    const revision = exact === undefined || exact === -1 ? this.#store.revision : exact;
    const all =
      exact === undefined || exact === -1
        ? this.#store.list(kind, namespace)
        : this.#store.listAt(kind, namespace, exact);
    if (all === undefined) throw this.#expired(token);
    const from = token === undefined ? all : all.filter((object) => keyOf(object, namespace) >= token.start);
    const selected = options.selection === undefined ? from : from.filter(options.selection);
    // The watch cache, which answers version 0, has no limit (wire recording list-resource-version).
    const fromCache = options.resourceVersion === '0' && token === undefined;
    if (options.limit <= 0 || selected.length <= options.limit || fromCache) {
      return { items: selected, meta: { resourceVersion: String(revision) } };
    }
    const items = selected.slice(0, options.limit);
    const next = { revision, start: `${keyOf(items.at(-1), namespace)}\0` };
    const remaining = options.selection === undefined ? { remainingItemCount: selected.length - items.length } : {};
    return { items, meta: { resourceVersion: String(revision), continue: writeContinueToken(next), ...remaining } };
  }

  #expired(token: ContinueToken | undefined): StatusError {
    if (token !== undefined) return new ContinueExpiredError(token);
    return new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.');
  }

  watch(context: ResourceContext): ApiResponse {
    const { kind, info, query } = context;
    const options = readListOptions(kind, query, true);
    const representation = this.#negotiate(context, true);
    const version = parseResourceVersion(options.resourceVersion);
    const named = info.name !== '' && query.get('fieldSelector') === null;
    const selection = named ? (object: ApiObject) => object.metadata.name === info.name : options.selection;
    const timeoutMs =
      options.timeoutSeconds > 0 ? options.timeoutSeconds * 1000 : MIN_WATCH_TIMEOUT_MS * (1 + this.#random.next());
    const watch = this.#open({
      kind,
      namespace: info.namespace,
      selection,
      representation,
      bookmarks: options.allowWatchBookmarks,
      timeoutMs,
      afterRevision: version,
    });
    this.#showPast(watch, options, version);
    const type = representation.contentType === 'application/yaml' ? 'application/yaml' : 'application/json';
    return { status: 200, headers: { 'content-type': type, 'transfer-encoding': 'chunked' }, stream: watch };
  }

  #open(parameters: WatchParameters): Watch {
    const watch = new Watch(
      parameters,
      this.#clock,
      () => this.#store.revision,
      (closed) => this.#watches.delete(closed),
    );
    this.#watches.add(watch);
    return watch;
  }

  /** The first events of a watch: the existing objects, or the writes after a version (fact 14). */
  #showPast(watch: Watch, options: ListOptions, version: number): void {
    const { kind, namespace, selection } = watch.parameters;
    const initial = options.sendInitialEvents ?? version === 0;
    if (version > this.#store.revision) {
      if (options.sendInitialEvents === true) this.#failLater(watch, version);
      return;
    }
    if (initial) {
      const objects = this.#store.list(kind, namespace);
      watch.showExisting(selection === undefined ? objects : objects.filter(selection));
      if (options.sendInitialEvents === true && options.allowWatchBookmarks) watch.bookmark(true);
      return;
    }
    if (version === 0) return;
    const history = this.#store.history(kind);
    const later = history.since(version);
    if (later === undefined) {
      const message = `too old resource version: ${version} (${history.floor})`;
      watch.fail(new StatusError(410, 'Expired', message));
      return;
    }
    watch.showPast(later);
  }

  #failLater(watch: Watch, version: number): void {
    this.#clock.setTimer(FUTURE_VERSION_WAIT_MS, () => watch.fail(this.#tooLarge(version)), { background: true });
  }

  /** Answers at once, or waits for a version that does not exist yet (fact 18). */
  #atLeast(version: number, answer: () => ApiResponse): ApiResponse | Promise<ApiResponse> {
    if (version <= this.#store.revision) return answer();
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        timer.cancel();
        stop();
        finish();
      };
      const timer = this.#clock.setTimer(FUTURE_VERSION_WAIT_MS, () => settle(() => reject(this.#tooLarge(version))), {
        background: true,
      });
      const stop = this.#store.onWrite((event) => {
        if (event.revision < version) return;
        settle(() => {
          try {
            resolve(answer());
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      });
    });
  }

  #tooLarge(version: number): StatusError {
    const message = `Timeout: Too large resource version: ${version}, current: ${this.#store.revision}`;
    return new StatusError(504, 'Timeout', message, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }

  #negotiate(context: ResourceContext, watch: boolean, list = false): Representation {
    const includeObject = context.query.get('includeObject');
    const { kind } = context;
    const listKind = `${kind.group === '' ? 'core' : kind.group.split('.', 1)[0]}.${kind.kind}List`;
    return negotiate(context.request.headers['accept'], { watch, includeObject, ...(list ? { listKind } : {}) });
  }
}

/** The key by which a list is cut into pieces. */
function keyOf(object: ApiObject | undefined, namespace: string | undefined): string {
  if (object === undefined) return '';
  const { name, namespace: own } = object.metadata;
  return namespace === undefined && own !== undefined ? `${own}/${name}` : name;
}

/** An answer in the chosen form; YAML is made from the JSON text. */
export function textOf(representation: Representation, json: string, status = 200): ApiResponse {
  if (representation.contentType === 'application/yaml') {
    return { status, headers: { 'content-type': 'application/yaml' }, body: writeYaml(JSON.parse(json)) };
  }
  return jsonResponse(status, json);
}
