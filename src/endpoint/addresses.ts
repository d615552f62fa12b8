/**
 * Binds one port on several addresses, and describes the addresses that could not be bound. The caller opens the
 * sockets.
 */

/**
 * The largest number of ports that are tried. A port that is free on the first address may be taken on the next
 * address.
 */
export const PORT_ATTEMPTS = 16;

/** The error codes for an address that this machine does not have, such as `::1` if IPv6 is switched off. */
const MISSING_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** The result for one address. */
export type BindOutcome<Listener> =
  | { readonly ok: true; readonly host: string; readonly port: number; readonly listener: Listener }
  | { readonly ok: false; readonly host: string; readonly error: NodeJS.ErrnoException };

/** The addresses on which a server listens, and the addresses that failed. */
export interface Binding<Listener> {
  readonly bound: readonly Extract<BindOutcome<Listener>, { ok: true }>[];
  readonly failed: readonly Extract<BindOutcome<Listener>, { ok: false }>[];
}

/** Binds the same port on every host. Port 0 means any port that is free on all hosts. */
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

/** The problem with its remedy; `null` when there is no problem. An address that does not exist is not a problem. */
export function describeBinding({ bound, failed }: Binding<unknown>, port: number): string | null {
  const troubles = bound.length === 0 ? failed : failed.filter(({ error }) => !MISSING_ADDRESS.has(error.code ?? ''));
  if (troubles.length === 0) return null;
  const [{ error }] = troubles as [(typeof troubles)[number]];
  const where = troubles.map(({ host }) => authority(host, port)).join(' and ');
  const rest =
    bound.length === 0
      ? 'The endpoint is not available. The election continues without it.'
      : `It does answer on ${bound.map((outcome) => authority(outcome.host, outcome.port)).join(' and ')}.`;
  return `The endpoint cannot listen on ${where}: ${reason(error)} ${rest}`;
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return "the port is taken (EADDRINUSE). If another process of this Pod answers there (an elector sidecar, for example), leave the port to that process or remove it. On a developer's machine it may be a second process of the application. Otherwise choose another port with the option endpoint.port (0: any free port), and name it in ELECTOR_PATH if the application polls that.";
    case 'EACCES':
      return 'permission denied (EACCES). Choose a port above 1023 with the option endpoint.port, and name it in ELECTOR_PATH if the application polls that.';
    default:
      return `${error.message}. Check the option endpoint.`;
  }
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
