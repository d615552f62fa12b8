/**
 * `lease-elector manifests`: prints the objects that a cluster needs to run an application with an elector.
 */

import { parsedArguments } from './arguments.ts';
import { admissionPolicy, type InstallationSettings, installation, manifestStream } from './installation.ts';
import { EXIT, UsageError, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector manifests --name APP -n NAMESPACE [options]

Prints ServiceAccount, Role, RoleBinding, NetworkPolicy, PodDisruptionBudget and Deployment as YAML:

  npx lease-elector manifests --name APP -n NAMESPACE --image IMAGE | kubectl apply -f -

  --name APP               name of the application, and of its Deployment and ServiceAccount
  -n, --namespace NS       its namespace, which must exist
  --image IMAGE            image of its container (default: APP:latest)
  --lease NAME             name of its Lease (default: APP)
  --with-admission-policy  also a ValidatingAdmissionPolicy: a Pod cannot make another Pod the leader.
                           It is cluster-wide, and needs Kubernetes 1.30
  --help                   print this text
`;

interface NameRule {
  readonly pattern: RegExp;
  readonly longest: number;
  readonly expected: string;
}

const PART = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

const LABEL: NameRule = {
  pattern: new RegExp(`^${PART}$`),
  longest: 63,
  expected: 'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit',
};

/**
 * The rule for the name of the Deployment. The name of a Pod adds a hash of 10 characters and a suffix of 5 to it, and
 * Kubernetes cuts longer names.
 */
const NAME: NameRule = {
  ...LABEL,
  longest: 46,
  expected: LABEL.expected.replace('63', '46'),
};

const SUBDOMAIN: NameRule = {
  pattern: new RegExp(`^${PART}(?:\\.${PART})*$`),
  longest: 253,
  expected:
    'at most 253 lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit',
};

const IMAGE: NameRule = {
  pattern: /^[a-z0-9][\w.:/@-]*$/i,
  longest: 500,
  expected: 'an image such as registry.example.com/app:1.0.0',
};

function checked(option: string, value: string | undefined, rule: NameRule): string {
  if (value === undefined) throw new UsageError(`${option} is missing: expected ${rule.expected}`);
  if (value.length > rule.longest || !rule.pattern.test(value)) {
    throw new UsageError(`${option} ${JSON.stringify(value)} cannot be used: expected ${rule.expected}`);
  }
  return value;
}

function parse(args: readonly string[]) {
  try {
    return parsedArguments({
      args: [...args],
      options: {
        name: { type: 'string' },
        namespace: { type: 'string', short: 'n' },
        image: { type: 'string' },
        lease: { type: 'string' },
        'with-admission-policy': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The verb `manifests`. */
export const manifests: Verb = {
  usage: USAGE,
  async run(args, process) {
    const values = parse(args);
    const name = checked('--name', values.name, NAME);
    const settings: InstallationSettings = {
      name,
      namespace: checked('--namespace', values.namespace, LABEL),
      image: checked('--image', values.image ?? `${name}:latest`, IMAGE),
      lease: checked('--lease', values.lease ?? name, SUBDOMAIN),
    };
    const policy = values['with-admission-policy'] ? admissionPolicy(settings) : [];
    process.write(manifestStream([...installation(settings), ...policy]));
    return EXIT.success;
  },
};
