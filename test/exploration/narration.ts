/**
 * Describes a counterexample, one sentence for each move.
 */

import type { Request } from './cluster-model.ts';
import { attempt, type Counterexample } from './exploration.ts';
import { Memory } from './memory.ts';
import type { Core, InFlight, Process } from './process-model.ts';
import type { Scope } from './scopes.ts';
import { compacted } from './situation.ts';
import type { Move, World } from './world.ts';

/** The lines of the description. They contain no revisions, because the exploration renumbers them. */
export function narrate(core: Core, scope: Scope, { moves, violation }: Counterexample): string[] {
  const memory = new Memory(core);
  const lines: string[] = [];
  let world = scope.start(memory);
  for (const [index, move] of moves.entries()) {
    const number = String(index + 1).padStart(3);
    const description = describeMove(world, move);
    const next = attempt(memory, world, move);
    if (typeof next === 'string') {
      lines.push(`${number}. ${description}`);
      break;
    }
    lines.push(`${number}. ${description}${describeChanges(world, next)}`);
    world = compacted(memory, next);
  }
  return [...lines, `     → ${violation}`];
}

function describeMove(world: World, move: Move): string {
  const process = 'process' in move ? world.processes[move.process] : undefined;
  const uid = process?.pod.uid ?? '';
  const [request] = process?.requests ?? [];
  switch (move.type) {
    case 'arrive':
      return `The API server executes a request of ${uid}: ${describeRequest(request)}.`;
    case 'answer':
      return `${uid} receives the answer to ${describeRequest(request)}: ${describeAnswer(request)}.`;
    case 'lose':
      return `A request of ${uid} times out: ${describeRequest(request)}.`;
    case 'deliver':
      return `${uid} receives an event of its watch: ${describeEvent(process, move.of)}.`;
    case 'cut':
      return `The watch of ${uid} (${move.of}) breaks.`;
    case 'watchTimer':
      return `${uid} opens its watch (${move.of}) again.`;
    case 'fire':
      return `The timer ${move.timer} of ${uid} fires.`;
    case 'settle':
      return move.drained ? `The work of ${uid} is done.` : `The work of ${uid} continues after its time limit.`;
    case 'orphanedRequestArrives':
    case 'orphanedRequestVanishes': {
      const orphanedRequest = world.orphanedRequests[move.orphanedRequest];
      const arrives = move.type === 'orphanedRequestArrives' ? 'arrives late' : 'never arrives';
      return `An abandoned request of ${orphanedRequest?.sender} ${arrives}: ${orphanedRequest === undefined ? '' : describeOperation(orphanedRequest.operation)}.`;
    }
    case 'collect':
      return `The garbage collector (${world.cluster.collection.step}) does its next step.`;
    case 'deleteLease':
      return 'A user deletes the Lease by hand.';
    case 'crash':
      return `The container of ${uid} is killed and starts again.`;
    case 'terminate':
      return `A user deletes the Pod ${uid}: it is terminating.`;
    case 'forceDelete':
      return `A user force-deletes the Pod ${uid}. Its process continues to run.`;
    case 'remove':
      return `The kubelet kills ${uid} and removes its Pod.`;
    case 'sigterm':
      return `${uid} receives SIGTERM, and calls stop().`;
    case 'stepDown':
      return `The application of ${uid} calls stepDown().`;
    case 'lag':
      return `From now on, ${uid} receives answers and events with any lag and in any order.`;
    case 'refuseToken':
      return `The API server no longer accepts the token of ${uid}.`;
    case 'recreate':
      return `A new Pod is created under the name app-${move.slot}.`;
  }
}

function describeRequest(request: InFlight | undefined): string {
  return request === undefined ? 'nothing' : describeOperation(request.operation);
}

function describeOperation(operation: Request): string {
  switch (operation.verb) {
    case 'readPod':
    case 'listPod':
      return `${operation.verb} ${operation.name}`;
    case 'replaceLease':
      return operation.content.releasedBy === null ? 'renew the Lease' : 'release the Lease';
    default:
      return operation.verb;
  }
}

function describeAnswer(request: InFlight | undefined): string {
  const answer = request?.answer;
  if (answer == null) return 'nothing';
  if (!answer.ok) return answer.failure.kind;
  const { value } = answer;
  if (value === null) return request?.operation.verb === 'deleteLease' ? 'done' : 'not found';
  if (!('items' in value)) return describeItem(value);
  const [item] = value.items;
  return item === undefined ? 'not found' : describeItem(item);
}

function describeItem(item: object): string {
  if (!('owner' in item) && 'terminating' in item)
    return `Pod ${String((item as { uid?: unknown }).uid)}${item.terminating ? ', terminating' : ''}`;
  const { owner, releasedBy } = item as {
    readonly owner: { readonly uid: string } | null;
    readonly releasedBy: unknown;
  };
  return `a Lease of ${owner?.uid ?? 'nobody'}${releasedBy === null ? '' : ', released'}`;
}

function describeEvent(process: Process | undefined, of: 'lease' | 'pod'): string {
  const watch = of === 'lease' ? process?.leaseWatch : process?.podWatch;
  const event = watch?.queue?.[0];
  return event === undefined ? 'nothing' : `${event.type}: ${describeItem(event.item)}`;
}

/** The changes of the Lease and of the leaders. */
function describeChanges(before: World, after: World): string {
  const changes: string[] = [];
  const leaseBefore = describeLease(before);
  const leaseAfter = describeLease(after);
  if (leaseBefore !== leaseAfter) changes.push(`the Lease: ${leaseAfter}`);
  for (const process of after.processes) {
    const was = before.processes.find(({ pod }) => pod.uid === process.pod.uid);
    if (process.leading && was?.leading !== true) changes.push(`${process.pod.uid} is elected`);
    if (!process.leading && was?.leading === true) changes.push(`${process.pod.uid} no longer leads`);
  }
  return changes.length === 0 ? '' : ` (${changes.join('; ')})`;
}

function describeLease({ cluster }: World): string {
  return cluster.lease === null ? 'none' : describeItem(cluster.lease);
}
