/**
 * The scenarios of the run, one after the other in the same election.
 */

import type { Elected, Election } from './election.ts';
import type { ElectorProcess } from './elector-process.ts';
import { overlapsOf } from './leadership-overlap.ts';
import { demand, type Scenario } from './scenario-run.ts';

function demandGrowth(before: Elected, after: Elected): void {
  demand(after.token > before.token, `the fencing token ${after.token} is not larger than ${before.token}`);
}

/** Replaces a Pod that is gone, so that each scenario has three Pods. */
async function addPod(election: Election, name: string): Promise<ElectorProcess> {
  return election.startProcess(await election.createPod(name));
}

function electedCount(election: Election): number {
  return election.processes.reduce((sum, process) => sum + process.all('elected').length, 0);
}

/** Waits until another process leads. */
function successor(election: Election, { process }: Elected): Promise<Elected> {
  return election.leader(`a successor of ${process.podName} is elected`, (other) => other !== process);
}

/** Ends a Pod as a cluster does: DELETE, SIGTERM, the end of the process, the end of the Pod object. */
async function replace(election: Election, old: ElectorProcess, name: string): Promise<void> {
  await addPod(election, name);
  await election.deletePod(old.podName);
  await election.terminate(old);
}

const EVENTS: readonly Scenario<Election>[] = [
  {
    name: 'election',
    expected: 'one of three Pods leads, and owns the Lease',
    run: async (election) => {
      await Promise.all(['a-1', 'a-2', 'a-3'].map((name) => addPod(election, name)));
      const { process, token } = await election.leader('one of three is elected');
      const lease = await election.lease();
      const owners = lease?.metadata?.ownerReferences?.map(({ uid }) => uid) ?? [];
      demand(owners.join() === election.pod(process.podName).uid, `the Lease is owned by ${owners.join() || 'nobody'}`);
      demand(lease?.spec?.holderIdentity === process.podName, `the holder is ${lease?.spec?.holderIdentity}`);
      demand(electedCount(election) === 1, 'more than one was elected');
      return `${process.podName} leads, token ${token}`;
    },
  },
  {
    name: 'crash, and restart in the same Pod',
    expected: 'the same Pod resumes its term, nobody else is elected',
    run: async (election) => {
      const before = await election.leader('somebody leads');
      const elected = electedCount(election);
      before.process.signal('SIGKILL');
      await election.until('the process ends', () => before.process.outcome !== null);
      const again = await election.startProcess(election.pod(before.process.podName));
      const after = await election.leader('the restarted process leads', (process) => process === again);
      demand(again.last('elected')?.resumed === true, 'it did not resume its term');
      demand(after.leaseUid === before.leaseUid, 'the Lease was replaced');
      demandGrowth(before, after);
      demand(electedCount(election) === elected + 1, 'another process was also elected');
      return `${again.podName} resumed, token ${after.token}`;
    },
  },
  {
    name: 'Lease deleted by hand',
    expected: 'the leader restores it, and its term continues',
    run: async (election) => {
      const { process } = await election.leader('somebody leads');
      const elected = electedCount(election);
      const before = await election.lease();
      await election.deleteLease();
      const { uid } = election.pod(process.podName);
      await election.until('the Lease is restored', async () => {
        const { metadata } = (await election.lease()) ?? {};
        return metadata?.uid !== before?.metadata?.uid && metadata?.ownerReferences?.[0]?.uid === uid;
      });
      demand(process.leads && electedCount(election) === elected, 'leadership changed');
      return `${process.podName} leads, with a new Lease`;
    },
  },
  {
    name: 'step down',
    expected: 'another Pod leads, the former leader stays a candidate',
    run: async (election) => {
      const before = await election.leader('somebody leads');
      before.process.stepDown();
      const after = await successor(election, before);
      demandGrowth(before, after);
      demand(before.process.last('demoted')?.detail === 'stepped-down', 'the former leader did not step down');
      demand(before.process.outcome === null, 'the former leader ended');
      return `${before.process.podName} → ${after.process.podName}, token ${after.token}`;
    },
  },
  {
    name: "the leader's Pod deleted",
    expected: 'it hands over while its Pod is terminating',
    run: async (election) => {
      const before = await election.leader('somebody leads');
      await replace(election, before.process, 'b-1');
      const after = await successor(election, before);
      demandGrowth(before, after);
      await election.finishDeletion(before.process.podName);
      return `${before.process.podName} → ${after.process.podName} before the Pod was gone`;
    },
  },
  {
    name: 'the Pod of a crashed leader deleted',
    expected: 'nobody leads until the Pod is gone, then a successor',
    run: async (election) => {
      const before = await election.leader('somebody leads');
      const elected = electedCount(election);
      before.process.signal('SIGKILL');
      await election.until('the process ends', () => before.process.outcome !== null);
      await addPod(election, 'c-1');
      await election.deletePod(before.process.podName);
      demand(electedCount(election) === elected, 'somebody was elected before the Pod was gone');
      await election.finishDeletion(before.process.podName);
      const after = await successor(election, before);
      demandGrowth(before, after);
      return `${before.process.podName} → ${after.process.podName} after the Pod was gone`;
    },
  },
  {
    name: 'force delete, while the process is suspended',
    expected: 'a successor leads with a larger token; the ghost is demoted',
    run: async (election) => {
      const before = await election.leader('somebody leads');
      before.process.isGhost = true;
      before.process.signal('SIGSTOP');
      await addPod(election, 'd-1');
      await election.forceDeletePod(before.process.podName);
      const after = await successor(election, before);
      demandGrowth(before, after);
      before.process.signal('SIGCONT');
      const demoted = await election.until('the ghost is demoted', () => before.process.last('demoted'));
      await election.terminate(before.process);
      return `${after.process.podName} leads; ghost ${before.process.podName}: ${demoted.detail}`;
    },
  },
  {
    name: 'rolling replacement',
    expected: 'each Pod is replaced, and a new Pod leads alone',
    run: async (election) => {
      const old = election.processes.filter(({ outcome }) => outcome === null);
      demand(old.length === 3, `${old.length} processes run, not 3`);
      const before = await election.leader('somebody leads');
      const elected = electedCount(election);
      for (const [index, process] of old.entries()) {
        await replace(election, process, `e-${index + 1}`);
        await election.finishDeletion(process.podName);
      }
      const after = await election.leader('a new Pod leads', (process) => !old.includes(process));
      demandGrowth(before, after);
      return `${after.process.podName} leads after ${electedCount(election) - elected} changes`;
    },
  },
];

/** The scenarios, in their order. Each fails if two processes lead at the same time. */
export const SCENARIOS: readonly Scenario<Election>[] = EVENTS.map((scenario) => ({
  ...scenario,
  run: async (election) => {
    const observed = await scenario.run(election);
    const overlaps = overlapsOf(election.processes);
    demand(overlaps.length === 0, `two processes led: ${overlaps.join('; ')}`);
    return observed;
  },
}));
