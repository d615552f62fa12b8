/**
 * Each rule of the election and of a Pod's shutdown, and the stories that show it. The rules are those of the design,
 * sections 4, 5 and 8, in the same order. A new rule needs a line here and a story.
 */

/** The rules, each with the files of `stories/` that show it. */
export const RULES: readonly (readonly [rule: string, ...files: string[]])[] = [
  // The table of the design
  ['absent, no previous holder known: create; 201: this process leads', 'absent-no-predecessor'],
  ["absent, the previous holder's Pod is gone: create, after the jitter", 'absent-predecessor-gone'],
  ['absent, the previous holder released: create', 'absent-predecessor-released'],
  ['a create answered 409: read again', 'create-answered-409'],
  ["absent, the previous holder's Pod exists: leave the Lease to the holder, and resync later", 'absent-holder-exists'],
  ["this Pod's: this process leads; a restarted container resumes the term", 'mine'],
  ["another Pod's, which exists: wait, and watch that Pod", 'anothers-pod-exists'],
  ["another Pod's, which cannot be read: wait", 'anothers-pod-unknown'],
  [
    "another Pod's, a DELETED event: DELETE with preconditions, then create",
    'gone-by-deleted-event',
    'delete-answered-409',
  ],
  [
    "another Pod's, a consistent read without that Pod: DELETE with preconditions, then create",
    'gone-by-consistent-read',
  ],
  ["another Pod's, whose name has another uid: DELETE with preconditions, then create", 'gone-by-another-uid'],
  ['annotated as released: DELETE with preconditions, then create', 'released-lease-left-behind'],
  ['foreign with a duration: held until it has not changed for that long', 'foreign-with-duration'],
  ['foreign without a duration: held until it is deleted; the elector warns', 'foreign-without-duration'],

  // The rules after the table
  ['a deletionTimestamp proves nothing', 'deletion-timestamp-proves-nothing'],
  ['a NotReady node proves nothing', 'not-ready-proves-nothing'],
  ['a silent leader proves nothing', 'silence-proves-nothing'],
  ['a crash loop of the leader proves nothing', 'crash-loop-proves-nothing'],
  [
    "the collector works at the same time: the POST follows the collector's DELETE or the successor's",
    'collector-comes-first',
  ],
  ["take-over is DELETE and POST, so the collector's second attempt does no harm", 'collector-comes-late'],
  ['every PUT has uid and resourceVersion, so that it never creates a Lease', 'put-never-creates'],
  ['a Pod that is being deleted does not campaign', 'own-pod-terminating'],
  ['a Pod that is gone does not campaign: the POST waits for the read of the Pod', 'own-pod-gone'],
  ["a 409 on a renewal does not demote: read the Lease, and decide by the owner's uid", 'renewal-conflict'],
  [
    "a write with an unknown outcome is neither success nor failure: read the Lease, and compare its owner's uid",
    'create-answer-lost',
    'create-request-lost',
    'create-arrives-late',
    'renewal-answer-lost',
    'release-arrives-late',
  ],
  ['Lease deleted by hand: its leader re-creates it at once, in the same term', 'lease-deleted-by-hand'],
  ['Lease now of another Pod: demote (usurped)', 'usurped', 'ghost-behind-a-broken-network'],
  ['this Pod deleted: demote (pod-deleted), and never campaign again', 'own-pod-deleted'],
  ["this Pod's name has another uid: demote (pod-deleted)", 'own-name-has-another-uid'],
  ['401 although the token was read again: demote (unauthorized)', 'unauthorized-ghost'],
  ["after a 401, keep requesting, and resume the term if the Lease is still this Pod's", 'unauthorized-for-a-while'],
  ['API unreachable: the leader continues to lead; unverifiedForMs grows', 'api-unreachable'],
  ['no permission to update: no renewals, no duration, one warning', 'without-update'],
  ['no permission to delete: wait for the garbage collector, one warning', 'without-delete'],
  ['no permission to read Pods: wait for the garbage collector, one warning', 'without-pods'],
  ['the verbs of the NAIS sidecar are enough', 'sidecar-permissions'],
  ['one candidate per Pod: a process that cannot bind the socket is a sibling until the socket is free', 'sibling'],
  ['without abstract sockets, the elector warns once and continues', 'no-abstract-sockets'],

  // The shutdown of a Pod
  ['stop() stops campaigning', 'stop-while-creating'],
  ['stop() aborts term.signal and awaits the work', 'stop-awaits-the-work'],
  ['this Pod being deleted and work drained: release', 'stop-of-a-pod-being-deleted'],
  ['work not drained within drainTimeoutMs: keep the Lease', 'stop-with-work-not-drained'],
  ['this Pod not being deleted: keep the Lease', 'stop-keeps-the-lease'],
  ['stop({ release: true }) releases in any case', 'stop-with-release', 'stop-without-api'],
  ['stepDown() releases in any case', 'step-down'],
  [
    'ownerReferences stay, so that the collector still cleans up; holderIdentity is never cleared',
    'release-keeps-owner-and-holder',
  ],
  ['without the permission to update, nothing is released', 'release-without-update'],
  ['without the permission to delete, nothing is released', 'release-without-delete'],
  ['the library installs no signal handlers', 'no-signal-handlers'],

  // Beyond the sidecar
  ['a failed Pod holds its Lease as long as the Pod exists', 'failed-pod-holds'],
  [
    'succession pod-stopped: a failed or finished Pod counts as gone when all its containers are terminated',
    'failed-pod-replaced',
    'finished-pod-replaced',
  ],
  ['succession pod-stopped: the phase alone proves nothing', 'phase-proves-nothing'],
  ['electors of one Lease with different succession policies never lead together', 'mixed-successions'],
];
