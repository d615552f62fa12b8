/**
 * The simulation's state of a Pod, in addition to the object in the API server.
 */

import type { SimulatedContainer } from './simulated-container.ts';

/** The program of its containers: this library, or another program that uses the same Lease. */
export type Program = 'elector' | 'sidecar' | 'expiring elector';

export class SimulatedPod {
  readonly name: string;
  readonly uid: string;
  readonly token: string;
  readonly program: Program;
  /** The processes of its containers. A restarted container is a new process. */
  readonly processes: SimulatedContainer[] = [];
  /** Its node is lost: no kubelet starts or ends its processes or confirms its deletion. */
  nodeLost = false;
  /** Its kubelet has not received that the object is gone, and restarts its containers. */
  kubeletUninformed = false;
  /** Its object was deleted without waiting for its processes. */
  forced = false;
  /** Its object is being deleted. */
  terminating = false;
  /** Its object is gone. */
  gone = false;
  /** Its containers are no longer restarted (Failed, Succeeded). */
  finished = false;
  /** It had a second process with its identity, which the sibling lock did not prevent from campaigning. */
  mirrored = false;
  /** Its kubelet has reported that all its containers have ended. */
  stopped = false;

  constructor(name: string, uid: string, token: string, program: Program) {
    this.name = name;
    this.uid = uid;
    this.token = token;
    this.program = program;
  }
}
