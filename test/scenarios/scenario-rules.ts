/**
 * Every rule of the election and of a Pod's shutdown, and the stories that show it. The rules are those of DESIGN,
 * sections 4, 5 and 8, in their order; a new rule is a new line here and a new file there.
 */

/** Rules, each with the files of `scenarios/` that show it. */
export const RULES: readonly (readonly [rule: string, ...files: string[]])[] = [
  // The table
  ['absent, no predecessor known: create; 201: I lead', 'absent-no-predecessor'],
  ["absent, the predecessor's Pod is gone: create, after the jitter", 'absent-predecessor-gone'],
  ['absent, the predecessor released: create', 'absent-predecessor-released'],
  ['a create answered 409: read again', 'create-answered-409'],
  ["absent, the predecessor's Pod exists: leave it to the holder, and look again later", 'absent-holder-exists'],
  ['mine: I lead; a restarted container resumes its term', 'mine'],
  ["another's, its Pod exists: wait, and watch that Pod", 'anothers-pod-exists'],
  ["another's, and whether its Pod exists cannot be known: wait", 'anothers-pod-unknown'],
  [
    "another's, a DELETED event: DELETE with preconditions, then create",
    'gone-by-deleted-event',
    'delete-answered-409',
  ],
  ["another's, a consistent read without its Pod: the same", 'gone-by-consistent-read'],
  ["another's, its Pod's name with another uid: the same", 'gone-by-another-uid'],
  ['marked released: the same', 'released-lease-left-behind'],
  ['foreign with a duration: held until it stood still for that long', 'foreign-with-duration'],
  ['foreign without a duration: held until somebody deletes it, and the elector says so', 'foreign-without-duration'],

  // What follows the table
  ['a deletionTimestamp proves nothing', 'deletion-timestamp-proves-nothing'],
  ['a NotReady node proves nothing', 'not-ready-proves-nothing'],
  ['a silent leader proves nothing', 'silence-proves-nothing'],
  ['a leader whose container crashes again and again proves nothing', 'crash-loop-proves-nothing'],
  ['the collector works at the same time: whichever comes first leads to the POST', 'collector-comes-first'],
  ["take-over is DELETE and POST, so the collector's second attempt is harmless", 'collector-comes-late'],
  ['every PUT carries uid and resourceVersion: it never creates', 'put-never-creates'],
  ['a Pod that is being deleted does not campaign', 'own-pod-terminating'],
  ['a Pod that is gone does not campaign; the read of it is awaited before the POST', 'own-pod-gone'],
  ["a 409 on renewal is no loss yet: read, and decide by the owner's uid", 'renewal-conflict'],
  [
    "an uncertain write is neither success nor failure: read, and look for one's own uid",
    'create-answer-lost',
    'create-request-lost',
    'create-arrives-late',
    'renewal-answer-lost',
    'release-arrives-late',
  ],
  ['Lease deleted by hand: re-create it at once, same term', 'lease-deleted-by-hand'],
  ["Lease now another's: demote (usurped)", 'usurped', 'ghost-behind-a-broken-network'],
  ['own Pod deleted: demote (pod-deleted), and never campaign again', 'own-pod-deleted'],
  ["own Pod's name with another uid: demote (pod-deleted)", 'own-name-has-another-uid'],
  ['401 after the token was read anew: demote (unauthorized)', 'unauthorized-ghost'],
  ['keep asking, and resume the term if the Lease is still mine', 'unauthorized-for-a-while'],
  ['API unreachable: the leader leads on; unverifiedForMs grows', 'api-unreachable'],
  ['no update: no renewals, no duration, one warning', 'without-update'],
  ['no delete: wait for the garbage collector, one warning', 'without-delete'],
  ['no Pod reads: likewise', 'without-pods'],
  ['the verbs of the NAIS sidecar are enough', 'sidecar-permissions'],
  ['one campaigner per Pod: who cannot bind the socket is a sibling, until it is free', 'sibling'],
  ['where abstract sockets do not exist, it says so once and goes on', 'no-abstract-sockets'],

  // The shutdown of a Pod
  ['stop() stops campaigning', 'stop-while-creating'],
  ['stop() aborts term.signal and awaits the work', 'stop-awaits-the-work'],
  ['own Pod being deleted and work drained: release', 'stop-of-a-pod-being-deleted'],
  ['work not drained within drainTimeoutMs: keep the Lease', 'stop-with-work-not-drained'],
  ['own Pod not being deleted: keep the Lease', 'stop-keeps-the-lease'],
  ['stop({ release: true }) releases in any case', 'stop-with-release', 'stop-without-api'],
  ['stepDown() releases in any case', 'step-down'],
  [
    'ownerReferences stay, so that the collector still cleans up; holderIdentity is never cleared',
    'release-keeps-owner-and-holder',
  ],
  ['where update is missing, nothing is released', 'release-without-update'],
  ['where delete is missing, nothing is released', 'release-without-delete'],
  ['the library installs no signal handlers', 'no-signal-handlers'],

  // Beyond the sidecar
  ['a Pod that failed and still exists holds its Lease', 'failed-pod-holds'],
  [
    'succession pod-stopped: a Pod that failed or finished, and whose containers are all terminated, counts as gone',
    'failed-pod-succeeded',
    'finished-pod-succeeded',
  ],
  ['succession pod-stopped: the phase alone proves nothing', 'phase-proves-nothing'],
  ['electors of one Lease with different successions never lead together', 'mixed-successions'],
];
