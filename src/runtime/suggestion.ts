/**
 * Suggests an option for an unknown name, which may have a typing error or be the name of the option in another
 * library.
 */

/** A name and an option that differ in more characters are different words. */
const LARGEST_DISTANCE = 2;

/** In a name with fewer characters, one wrong character counts as a typing error, and two do not. */
const SHORTEST_FOR_TWO = 5;

/** A name of more characters is not compared. No option is longer. */
const LONGEST_NAME = 40;

/**
 * The names of these options in client-go (`LeaderElectionConfig`, `LeaseLock`) and in programs that use the sidecar.
 * In lower case, without punctuation.
 */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  callback: 'onElected',
  callbacks: 'onElected',
  config: 'kubeConfig',
  deletioncost: 'podDeletionCost',
  eventrecorder: 'events',
  holderidentity: 'pod.name',
  host: 'endpoint.host',
  hostname: 'pod.name',
  id: 'pod.name',
  identity: 'pod.name',
  label: 'leaderLabel',
  labelleader: 'leaderLabel',
  leaseduration: 'leaseDurationSeconds',
  leasedurationms: 'leaseDurationSeconds',
  leaselockname: 'lease',
  leaselocknamespace: 'pod.namespace',
  leasename: 'lease',
  leasenamespace: 'pod.namespace',
  lock: 'lease',
  lockname: 'lease',
  log: 'logger',
  name: 'lease',
  namespace: 'pod.namespace',
  onleader: 'onElected',
  onnewleader: 'the event leaderChanged',
  onstartedleading: 'onElected',
  onstoppedleading: 'the event demoted',
  ondemoted: 'the event demoted',
  podname: 'pod.name',
  podnamespace: 'pod.namespace',
  poduid: 'pod.uid',
  port: 'endpoint.port',
  releaseoncancel: 'stop({ release: true })',
  renewinterval: 'renewIntervalMs',
  retryperiod: 'renewIntervalMs',
  retryperiodms: 'renewIntervalMs',
  ttl: 'leaseDurationSeconds',
  uid: 'pod.uid',
};

/**
 * The probable meaning of `name`: one of the `known` names, or the place of the same setting in this library; `null`
 * when nothing is similar.
 *
 * @param alsoElsewhere whether the names of other libraries count, which all mean options of the elector
 */
export function suggestionFor(name: string, known: readonly string[], alsoElsewhere: boolean): string | null {
  if (name.length > LONGEST_NAME) return null;
  const plain = plainForm(name);
  const same = known.find((one) => plainForm(one) === plain);
  if (same !== undefined) return same;
  const elsewhere = alsoElsewhere && Object.hasOwn(OTHER_NAMES, plain) ? OTHER_NAMES[plain] : undefined;
  return elsewhere ?? closest(plain, known);
}

function closest(plain: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = plain.length < SHORTEST_FOR_TWO ? 1 : LARGEST_DISTANCE;
  for (const one of known) {
    const distance = distanceBetween(plain, plainForm(one));
    if (distance > least || (distance === least && best !== null)) continue;
    best = one;
    least = distance;
  }
  return best;
}

function plainForm(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}

/**
 * The number of characters that must be added, removed, replaced, or swapped with their neighbors (optimal string
 * alignment).
 */
function distanceBetween(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = at(last, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          replaced,
          swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, right.length);
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? Number.POSITIVE_INFINITY;
}
