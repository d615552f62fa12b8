/**
 * Binds one port on several addresses, and says in words what could not be bound. It opens no socket itself.
 */

/** A free port of the first address may be taken on the next one: so many ports are tried. */
export const PORT_ATTEMPTS = 16;

/** The codes of an address that this machine does not have, as `::1` where IPv6 is switched off. */
const MISSING_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** What became of one address. */
export type BindOutcome<Listener> =
  | { readonly ok: true; readonly host: string; readonly port: number; readonly listener: Listener }
  | { readonly ok: false; readonly host: string; readonly error: NodeJS.ErrnoException };

/** What listens, and what does not. */
export interface Binding<Listener> {
  readonly bound: readonly Extract<BindOutcome<Listener>, { ok: true }>[];
  readonly failed: readonly Extract<BindOutcome<Listener>, { ok: false }>[];
}

/** Binds the same port on every host; port 0 stands for any port that is free on all of them. */
export async function bindEvery<Listener>(
  hosts: readonly string[],
  port: number,
  bind: (host: string, port: number) => Promise<BindOutcome<Listener>>,
  unbind: (listener: Listener) => void,
): Promise<Binding<Listener>> {
  for (let attempt = 1; ; attempt += 1) {
    const outcomes: BindOutcome<Listener>[] = [];
    let chosen = port;
    for (const host of hosts) {
      const outcome = await bind(host, chosen);
      if (outcome.ok) chosen = outcome.port;
      outcomes.push(outcome);
    }
    const bound = outcomes.filter((outcome) => outcome.ok);
    const failed = outcomes.filter((outcome) => !outcome.ok);
    const anotherMayDo = port === 0 && failed.some(({ error }) => error.code === 'EADDRINUSE');
    if (!anotherMayDo || attempt === PORT_ATTEMPTS) return { bound, failed };
    for (const { listener } of bound) unbind(listener);
  }
}

/** What is wrong and what to do about it; `null` when all is well. An address that does not exist is not missed. */
export function describeBinding({ bound, failed }: Binding<unknown>, port: number): string | null {
  const troubles = bound.length === 0 ? failed : failed.filter(({ error }) => !MISSING_ADDRESS.has(error.code ?? ''));
  if (troubles.length === 0) return null;
  const [{ error }] = troubles as [(typeof troubles)[number]];
  const where = troubles.map(({ host }) => authority(host, port)).join(' and ');
  const rest =
    bound.length === 0
      ? 'Nobody is answered; the election goes on without it.'
      : `It does answer on ${bound.map((outcome) => authority(outcome.host, outcome.port)).join(' and ')}.`;
  return `The endpoint cannot listen on ${where}: ${reason(error)} ${rest}`;
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'the port is taken (EADDRINUSE). If another process of this Pod answers there, an elector sidecar for example, leave it to that one or remove it; else choose another port with the option endpoint, and name it in ELECTOR_PATH.';
    case 'EACCES':
      return 'this user may not (EACCES). Choose a port above 1023 with the option endpoint, and name it in ELECTOR_PATH.';
    default:
      return `${error.message}. Check the option endpoint.`;
  }
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
