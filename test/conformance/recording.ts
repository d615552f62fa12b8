/**
 * The recordings of a real kube-apiserver in recordings/: one file for each scenario. This file describes the fields.
 * comparison.ts and replayer.ts compare them.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { PolicyRule } from '../../src/testing/index.ts';

/** A request; any string can contain placeholders. */
export interface RecordedRequest {
  /** `admin`, `none`, `bad-token`, a name of `users`, or `<jwt:N>`. */
  readonly user: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly bodyText?: string;
  readonly bodyFill?: {
    readonly prefix: string;
    readonly repeat: string;
    readonly times: number;
    readonly suffix: string;
  };
  readonly protocol?: 'h2';
  /** Exchanges of the same name share one connection. */
  readonly connection?: string;
}

/** An answer; `body` is compared as JSON, `bodyText` as text. */
export interface RecordedResponse {
  readonly status: number;
  /** The recorded headers among COMPARED_HEADERS; `null` in a raw exchange: must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: unknown;
  readonly bodyText?: string;
  readonly noBody?: true;
  readonly httpVersion?: string;
  readonly reusedConnection?: boolean;
  /** Of a raw exchange. */
  readonly statusLine?: string;
  readonly lines?: readonly unknown[];
  readonly terminated?: boolean;
}

/** An event of a watch. */
export interface RecordedEvent {
  readonly type: string;
  readonly object: unknown;
}

/** A step; its fields decide its action. */
export interface RecordedStep {
  readonly id: string;
  readonly request?: RecordedRequest;
  readonly response?: RecordedResponse;
  /** The exchange is repeated until it matches, at most this many seconds. */
  readonly eventually?: { readonly withinSeconds: number };
  /** The minimum and the maximum duration, in seconds. */
  readonly took?: readonly [number, number];
  /** The decoded token bound as `<jwt:of>`. */
  readonly jwt?: { readonly of: string; readonly header: unknown; readonly payload: unknown };
  /** Opens a watch of this name. */
  readonly watch?: string;
  /** Reads the watch of this name. */
  readonly read?: string;
  readonly events?: readonly RecordedEvent[];
  readonly withinSeconds?: number;
  /** The side that ends the stream; the stream stays open when this is absent. */
  readonly end?: { readonly by: 'client' | 'server'; readonly afterSeconds?: readonly [number, number] };
  readonly allowExtraBookmarks?: boolean;
  /** HTTP/1.1 bytes on a separate connection, and the longest time to read the answer. */
  readonly raw?: { readonly seconds: number };
  readonly alpn?: { readonly offered?: readonly string[]; readonly chosen: string };
  /** A pause; it does not count as a step. */
  readonly sleepMs?: number;
}

/** A command of kubectl, and what it printed. */
export interface RecordedCommand {
  readonly command: string;
  readonly stdin?: string;
  /** `stopped`: it was ended from outside. */
  readonly exitCode: number | 'stopped';
  readonly stdout: string;
  readonly stderr?: string;
}

/** A scenario. */
export interface Recording {
  readonly scenario: string;
  readonly group: string;
  readonly title: string;
  readonly namespaces?: readonly string[];
  readonly users?: Readonly<Record<string, { readonly namespace: string; readonly rules: readonly PolicyRule[] }>>;
  /** Relations of resourceVersions: `rv:1 < rv:2`, `rv:2 <= lrv:1`. */
  readonly order?: readonly string[];
  readonly steps: readonly RecordedStep[];
  /** In scenarios of kubectl: the commands whose requests the steps are. */
  readonly client?: readonly RecordedCommand[];
}

const FOLDER = path.join(import.meta.dirname, 'recordings');

/** All scenarios, in the order of their names. */
export function readRecordings(): readonly Recording[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Recording);
}

/** The steps that count: all but the pauses. */
export function countedSteps(recording: Recording): readonly RecordedStep[] {
  return recording.steps.filter((step) => step.sleepMs === undefined);
}
