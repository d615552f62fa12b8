/**
 * A Pod as the simulation sees it, beside the object at the API server.
 */

import type { SimulatedContainer } from './simulated-container.ts';

/** What its containers run: this library, or what may work with the same Lease. */
export type Program = 'elector' | 'sidecar' | 'expiring elector';

export class SimulatedPod {
  readonly name: string;
  readonly uid: string;
  readonly token: string;
  readonly program: Program;
  /** One for each container that runs the program; a restarted container is a new process. */
  readonly processes: SimulatedContainer[] = [];
  /** Its node is lost: nobody starts or ends its processes, and its deletion is never confirmed. */
  nodeLost = false;
  /** Its kubelet does not know that its object is gone, and restarts its containers. */
  kubeletUnaware = false;
  /** Its object was deleted without waiting for its processes. */
  forced = false;
  /** Its object is being deleted. */
  terminating = false;
  /** Its object is gone. */
  gone = false;
  /** Its containers are not restarted any more (Failed, Succeeded). */
  finished = false;
  /** It had a second process with its identity that no sibling lock kept from campaigning. */
  mirrored = false;
  /** And its kubelet has reported that they have all ended. */
  stopped = false;

  constructor(name: string, uid: string, token: string, program: Program) {
    this.name = name;
    this.uid = uid;
    this.token = token;
    this.program = program;
  }
}
