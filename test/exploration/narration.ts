/**
 * Tells a counterexample as a story, a sentence a move.
 */

import type { Request } from './cluster-model.ts';
import { attempt, type Counterexample } from './exploration.ts';
import { Memory } from './memory.ts';
import type { Core, InFlight, Process } from './process-model.ts';
import type { Scope } from './scopes.ts';
import { compacted } from './situation.ts';
import type { Move, World } from './world.ts';

/** The lines of the story. Revisions are numbered anew as the exploration goes, so none is named. */
export function narrate(core: Core, scope: Scope, { moves, violation }: Counterexample): string[] {
  const memory = new Memory(core);
  const lines: string[] = [];
  let world = scope.start(memory);
  for (const [index, move] of moves.entries()) {
    const number = String(index + 1).padStart(3);
    const said = sayMove(world, move);
    const next = attempt(memory, world, move);
    if (typeof next === 'string') {
      lines.push(`${number}. ${said}`);
      break;
    }
    lines.push(`${number}. ${said}${sayNews(world, next)}`);
    world = compacted(memory, next);
  }
  return [...lines, `     → ${violation}`];
}

function sayMove(world: World, move: Move): string {
  const process = 'process' in move ? world.processes[move.process] : undefined;
  const who = process?.pod.uid ?? '';
  const [request] = process?.requests ?? [];
  switch (move.type) {
    case 'arrive':
      return `The API server carries out what ${who} asks: ${sayRequest(request)}.`;
    case 'answer':
      return `${who} is answered: ${sayRequest(request)}: ${sayAnswer(request)}.`;
    case 'lose':
      return `${who} gives up waiting for the answer: ${sayRequest(request)}.`;
    case 'deliver':
      return `${who} is told by its watch: ${sayEvent(process, move.of)}.`;
    case 'cut':
      return `The watch of ${who} (${move.of}) breaks.`;
    case 'watchTimer':
      return `${who} opens its watch (${move.of}) again.`;
    case 'fire':
      return `The timer ${move.timer} of ${who} fires.`;
    case 'settle':
      return move.drained ? `The work of ${who} is done.` : `The work of ${who} has had its time, and goes on.`;
    case 'orphanedRequestArrives':
    case 'orphanedRequestVanishes': {
      const orphanedRequest = world.orphanedRequests[move.orphanedRequest];
      const arrives = move.type === 'orphanedRequestArrives' ? 'arrives after all' : 'never arrives';
      return `What ${orphanedRequest?.sender} does not wait for any more ${arrives}: ${orphanedRequest === undefined ? '' : sayVerb(orphanedRequest.asks)}.`;
    }
    case 'collect':
      return `The garbage collector (${world.cluster.collection.step}) does its next step.`;
    case 'deleteLease':
      return 'Somebody deletes the Lease by hand.';
    case 'crash':
      return `The container of ${who} is killed and starts again.`;
    case 'terminate':
      return `Somebody deletes the Pod ${who}: it is terminating.`;
    case 'forceDelete':
      return `Somebody force-deletes the Pod ${who}; its process lives on.`;
    case 'remove':
      return `The kubelet kills ${who} and removes its Pod.`;
    case 'sigterm':
      return `${who} is asked to end, and calls stop().`;
    case 'stepDown':
      return `${who} is told to step down.`;
    case 'lag':
      return `From now on what ${who} is told comes as late as may be, and in any order.`;
    case 'refuseToken':
      return `The API server does not accept the token of ${who} any more.`;
    case 'recreate':
      return `A new Pod is created under the name app-${move.slot}.`;
  }
}

function sayRequest(request: InFlight | undefined): string {
  return request === undefined ? 'nothing' : sayVerb(request.asks);
}

function sayVerb(asks: Request): string {
  switch (asks.verb) {
    case 'readPod':
    case 'listPod':
      return `${asks.verb} ${asks.name}`;
    case 'replaceLease':
      return asks.content.releasedBy === null ? 'renew the Lease' : 'mark the Lease as released';
    default:
      return asks.verb;
  }
}

function sayAnswer(request: InFlight | undefined): string {
  const answer = request?.answer;
  if (answer == null) return 'nothing';
  if (!answer.ok) return answer.failure.kind;
  const { value } = answer;
  if (value === null) return request?.asks.verb === 'deleteLease' ? 'done' : 'there is none';
  if (!('items' in value)) return sayItem(value);
  const [item] = value.items;
  return item === undefined ? 'there is none' : sayItem(item);
}

function sayItem(item: object): string {
  if (!('owner' in item) && 'terminating' in item)
    return `Pod ${String((item as { uid?: unknown }).uid)}${item.terminating ? ', terminating' : ''}`;
  const { owner, releasedBy } = item as {
    readonly owner: { readonly uid: string } | null;
    readonly releasedBy: unknown;
  };
  return `a Lease of ${owner?.uid ?? 'nobody'}${releasedBy === null ? '' : ', released'}`;
}

function sayEvent(process: Process | undefined, of: 'lease' | 'pod'): string {
  const watch = of === 'lease' ? process?.leaseWatch : process?.podWatch;
  const event = watch?.queue?.[0];
  return event === undefined ? 'nothing' : `${event.type}: ${sayItem(event.item)}`;
}

/** What has become of the Lease and of those who lead. */
function sayNews(before: World, after: World): string {
  const news: string[] = [];
  const leaseBefore = sayLease(before);
  const leaseAfter = sayLease(after);
  if (leaseBefore !== leaseAfter) news.push(`the Lease: ${leaseAfter}`);
  for (const process of after.processes) {
    const was = before.processes.find(({ pod }) => pod.uid === process.pod.uid);
    if (process.leading && was?.leading !== true) news.push(`${process.pod.uid} is elected`);
    if (!process.leading && was?.leading === true) news.push(`${process.pod.uid} does not lead any more`);
  }
  return news.length === 0 ? '' : ` (${news.join('; ')})`;
}

function sayLease({ cluster }: World): string {
  return cluster.lease === null ? 'none' : sayItem(cluster.lease);
}
