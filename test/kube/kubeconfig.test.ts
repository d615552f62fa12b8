/**
 * Checks what is read from a KubeConfig object and from kubeconfig files, and the errors of its auth plug-ins. No
 * request is sent.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Agent, type AgentOptions } from 'node:http';
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LeaseElectorError } from '../../src/errors.ts';
import {
  type Credentials,
  type KubeConfigFile,
  kubeConfigCredentials,
  kubeConfigFileCredentials,
  type ServerAddress,
  type UsedKubeConfig,
} from '../../src/kube/credentials.ts';
import { INSTALL_CLIENT } from '../../src/runtime/kubernetes-client.ts';
import { serviceAccountDirectory } from './stub-server.ts';

const BROKEN = 'ERR_LEASE_ELECTOR_CREDENTIALS';

type UsedCluster = NonNullable<ReturnType<UsedKubeConfig['getCurrentCluster']>>;
type Apply = UsedKubeConfig['applyToHTTPSOptions'];

/** A KubeConfig object that another library could have made. */
function kubeConfigOf(cluster: Partial<UsedCluster>, apply: Apply = async () => {}): UsedKubeConfig {
  return {
    getCurrentContext: () => 'x',
    getContextObject: () => ({ namespace: 'shop' }),
    getCurrentCluster: () => ({ name: 'c', server: 'https://10.0.0.1', ...cluster }),
    applyToHTTPSOptions: apply,
  };
}

function credentialsOf(cluster: Partial<UsedCluster>, apply?: Apply): Credentials {
  return kubeConfigCredentials(kubeConfigOf(cluster, apply), null);
}

const SERVERS: readonly (readonly [server: string, address: ServerAddress])[] = [
  ['https://10.0.0.1', { protocol: 'https:', hostname: '10.0.0.1', port: 443, basePath: '' }],
  ['http://10.0.0.1', { protocol: 'http:', hostname: '10.0.0.1', port: 80, basePath: '' }],
  ['https://[fd00::1]:6443/', { protocol: 'https:', hostname: 'fd00::1', port: 6443, basePath: '' }],
  [
    'https://rancher.example.com/k8s/clusters/c-1//',
    { protocol: 'https:', hostname: 'rancher.example.com', port: 443, basePath: '/k8s/clusters/c-1' },
  ],
];
for (const [server, address] of SERVERS) {
  test(`the address of the API server is read from a KubeConfig: ${server}`, () => {
    assert.deepEqual(credentialsOf({ server, skipTLSVerify: true }).server, address);
  });
}

for (const server of ['10.0.0.1:6443/x', 'not an address', 'ftp://10.0.0.1']) {
  test(`${JSON.stringify(server)} is no address of an API server`, () => {
    assert.throws(() => credentialsOf({ server }), {
      code: BROKEN,
      message:
        'The KubeConfig\'s cluster "c" has no http(s) address. Set its `server` to the address of the API server',
    });
  });
}

test('a KubeConfig object has no default namespace when its context is unknown', () => {
  const kubeConfig = { ...kubeConfigOf({}), getContextObject: () => null };
  assert.equal(kubeConfigCredentials(kubeConfig, null).defaultNamespace(), null);
  assert.equal(credentialsOf({}).defaultNamespace(), 'shop');
});

/** Rejects with `error`, like a plug-in that fails. */
const failing = (error: unknown): Credentials => credentialsOf({}, () => Promise.reject(error));

/** The error that `authorize` rejects with. */
function errorOf(credentials: Credentials): Promise<NodeJS.ErrnoException> {
  return credentials.authorize().then(
    () => assert.fail('authorized'),
    (error: NodeJS.ErrnoException) => error,
  );
}

const systemError = (code: string, syscall: string, path?: string): Error =>
  Object.assign(new Error(`${code}: s3cr3t`), { code, syscall, ...(path === undefined ? {} : { path }) });

for (const syscall of ['open', 'read', 'stat', 'lstat', 'access', 'realpath', 'scandir']) {
  test(`a file of the kubeconfig cannot be read when the system call ${syscall} fails`, async () => {
    const error = await errorOf(failing(systemError('EACCES', syscall, '/etc/key')));
    assert.ok(error instanceof LeaseElectorError);
    assert.equal(error.code, BROKEN);
    assert.equal(
      error.message,
      'The file /etc/key, which the kubeconfig names, cannot be read (EACCES). Provide it, or correct its path in the kubeconfig',
    );
    const cause = error.cause as NodeJS.ErrnoException;
    assert.deepEqual([cause.message, cause.code], ['EACCES', 'EACCES']);
  });
}

const PLUGINS: readonly (readonly [code: string, syscall: string, problem: string])[] = [
  ['ENOENT', 'spawn kubelogin', 'plug-in "kubelogin" of the kubeconfig cannot be started: it was not found'],
  ['ENOTDIR', 'spawn kubelogin', 'plug-in "kubelogin" of the kubeconfig cannot be started: it was not found'],
  [
    'EACCES',
    'spawn kubelogin',
    'plug-in "kubelogin" of the kubeconfig cannot be started: this user is not permitted to execute it',
  ],
  [
    'ENOEXEC',
    'spawn kubelogin',
    'plug-in "kubelogin" of the kubeconfig cannot be started: it is not a program for this machine',
  ],
  ['E2BIG', 'spawn', 'plug-in of the kubeconfig cannot be started: the system answered E2BIG'],
];
for (const [code, syscall, problem] of PLUGINS) {
  test(`an auth plug-in cannot be started when \`${syscall}\` fails with ${code}`, async () => {
    const error = await errorOf(failing(systemError(code, syscall, 'kubelogin')));
    assert.ok(error instanceof LeaseElectorError);
    assert.equal(error.code, BROKEN);
    assert.equal(
      error.message,
      `The credential ${problem}. Install it, or correct \`command\` of the user in the kubeconfig, and PATH`,
    );
    const cause = error.cause as NodeJS.ErrnoException;
    assert.deepEqual([cause.message, cause.code], [code, code]);
  });
}

const TEMPORARY: readonly (readonly [what: string, error: unknown, message: string, code: string | undefined])[] = [
  ['lacks file descriptors', systemError('EMFILE', 'spawn kubelogin'), 'EMFILE: s3cr3t', 'EMFILE'],
  ['cannot reach a server', systemError('ECONNREFUSED', 'connect'), 'ECONNREFUSED: s3cr3t', 'ECONNREFUSED'],
  ['runs another program', systemError('ENOENT', 'spawnSync /opt/spawn'), 'ENOENT: s3cr3t', 'ENOENT'],
  ['prints several lines', new Error(' log\r\n\tin first\n'), 'log in first', undefined],
  ['prints a long text', new Error('x'.repeat(300)), 'x'.repeat(200), undefined],
  [
    'prints no JSON',
    new SyntaxError('s3cr3t'),
    'the auth plug-in of the kubeconfig printed something that is not JSON',
    undefined,
  ],
  ['throws a text', 's3cr3t', 'the auth plug-in of the kubeconfig failed', undefined],
  ['throws null', null, 'the auth plug-in of the kubeconfig failed', undefined],
];
for (const [what, thrown, message, code] of TEMPORARY) {
  test(`the failure of an auth plug-in that ${what} can be retried`, async () => {
    const error = await errorOf(failing(thrown));
    assert.ok(!(error instanceof LeaseElectorError));
    assert.deepEqual([error.message, error.code, 'code' in error], [message, code, code !== undefined]);
  });
}

/** Adds an agent to the options of a request. */
const withAgent =
  (agent: Agent): Apply =>
  async (options) => {
    options.agent = agent;
  };

for (const proxyUrl of ['http://proxy:3128', 'https://proxy:3128']) {
  test(`an authorization has the HTTP proxy ${proxyUrl} and no agent`, async () => {
    const { proxy, proxyAgent } = await credentialsOf({ proxyUrl }, withAgent(new Agent())).authorize();
    assert.deepEqual([proxy?.href, proxyAgent], [`${proxyUrl}/`, null]);
  });
}

for (const proxyUrl of ['socks5:proxy', 'proxy', 'ftp://proxy']) {
  test(`${JSON.stringify(proxyUrl)} is no address of a proxy`, () => {
    assert.throws(() => credentialsOf({ proxyUrl }), { code: BROKEN, message: /cluster "c" has a `proxy-url` that/ });
  });
}

/** An agent of the name that `@kubernetes/client-node` uses. */
class SocksProxyAgent extends Agent {
  readonly url: string;
  readonly keepsConnections: boolean | undefined;
  destroyed = 0;

  constructor(url: string, options: AgentOptions = {}) {
    super(options);
    this.url = url;
    this.keepsConnections = options.keepAlive;
  }

  override destroy(): void {
    this.destroyed += 1;
    super.destroy();
  }
}

for (const protocol of ['socks', 'socks4', 'socks4a', 'socks5', 'socks5h']) {
  test(`a ${protocol} proxy is used through an agent that keeps connections, until the proxy changes`, async () => {
    const cluster: { proxyUrl: string } = { proxyUrl: `${protocol}://first:1080` };
    const made: SocksProxyAgent[] = [];
    const credentials = kubeConfigCredentials(
      {
        ...kubeConfigOf({}, async (options) => {
          const agent = new SocksProxyAgent(cluster.proxyUrl);
          made.push(agent);
          options.agent = agent;
        }),
        getCurrentCluster: () => ({ name: 'c', server: 'https://10.0.0.1', ...cluster }),
      },
      null,
    );
    const agentOf = async (): Promise<SocksProxyAgent> => {
      const { proxyAgent, proxy } = await credentials.authorize();
      assert.equal(proxy, undefined);
      assert.ok(proxyAgent instanceof SocksProxyAgent);
      return proxyAgent;
    };
    const first = await agentOf();
    assert.equal(await agentOf(), first);
    assert.deepEqual([first.url, first.keepsConnections, first.getName()], [cluster.proxyUrl, true, 'plain']);
    cluster.proxyUrl = `${protocol}://second:1080`;
    const second = await agentOf();
    assert.equal(second.url, cluster.proxyUrl);
    assert.deepEqual([first.destroyed, second.destroyed], [1, 0]);
    credentials.close?.();
    assert.deepEqual([first.destroyed, second.destroyed], [1, 1]);
    assert.deepEqual(
      made.map(({ destroyed }) => destroyed),
      [0, 0, 0],
      'the agents of the KubeConfig belong to the application',
    );
  });
}

test('an agent of another class is used as it is, and is not closed', async () => {
  const given = new (class OwnAgent extends Agent {
    override destroy(): void {
      assert.fail('the agent belongs to the application');
    }
  })();
  const name = given.getName({ host: 'h' });
  const credentials = credentialsOf({ proxyUrl: 'socks5://proxy' }, withAgent(given));
  assert.equal((await credentials.authorize()).proxyAgent, given);
  assert.equal(given.getName({ host: 'h' }), name);
  credentials.close?.();
});

for (const agent of [undefined, null, true]) {
  test(`an authorization fails when the agent for a SOCKS proxy is ${agent}, because the proxy would be bypassed`, async () => {
    const credentials = credentialsOf({ proxyUrl: 'socks5://name:secret@proxy:1080' }, async (options) => {
      Object.assign(options, { agent });
    });
    await assert.rejects(async () => credentials.authorize(), {
      code: BROKEN,
      message:
        /^The cluster of the kubeconfig has the SOCKS proxy proxy:1080, but the KubeConfig gives no agent for it\. Set `agent` in the method applyToHTTPSOptions$/,
    });
  });
}

/** The entries of a kubeconfig. */
interface Entries {
  readonly server?: string;
  readonly token?: string;
  readonly namespace?: string;
  readonly current?: string;
}

/** The text of a kubeconfig that has only the given entries. */
function textOf({ server, token, namespace, current }: Entries): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: server === undefined ? [] : [{ name: 'c', cluster: { server } }],
    users: token === undefined ? [] : [{ name: 'u', user: { token } }],
    contexts: namespace === undefined ? [] : [{ name: 'x', context: { cluster: 'c', user: 'u', namespace } }],
    'current-context': current,
  });
}

/** Writes kubeconfigs with these texts. */
function writeFiles(t: TestContext, ...texts: readonly string[]): KubeConfigFile {
  const directory = serviceAccountDirectory(t);
  const [path = '', ...mergedWith] = texts.map((text, number) => {
    const file = join(directory, `kubeconfig-${number}`);
    writeFileSync(file, text);
    return file;
  });
  return { path, mergedWith };
}

/** The server, token and namespace that a kubeconfig leads to. */
async function chosenFrom(file: KubeConfigFile): Promise<readonly unknown[]> {
  const credentials = await kubeConfigFileCredentials(file);
  const { headers } = await credentials.authorize();
  return [credentials.server.hostname, headers['Authorization'], credentials.defaultNamespace()];
}

test('several files are merged, and the entry of the first file that has it takes precedence', async (t) => {
  const whole = { server: 'https://late', token: 'late', namespace: 'late', current: 'x' };
  const rows: readonly (readonly [first: Entries, chosen: readonly unknown[]])[] = [
    [{}, ['late', 'Bearer late', 'late']],
    [{ server: 'https://first' }, ['first', 'Bearer late', 'late']],
    [{ token: 'first' }, ['late', 'Bearer first', 'late']],
    [{ namespace: 'first' }, ['late', 'Bearer late', 'first']],
  ];
  for (const [first, chosen] of rows) {
    assert.deepEqual(await chosenFrom(writeFiles(t, textOf(first), textOf(whole))), chosen);
  }
});

test('the current context is that of the first file that has one', async (t) => {
  const whole = { server: 'https://s', token: 't', namespace: 'n' };
  const merged = writeFiles(t, textOf({ current: 'x' }), textOf({ ...whole, current: 'other' }));
  assert.deepEqual(await chosenFrom(merged), ['s', 'Bearer t', 'n']);
});

test('a later file does not change the source when the first file has all its entries', async (t) => {
  const whole = { server: 'https://first', token: 'first', namespace: 'first', current: 'x' };
  const file = writeFiles(t, textOf(whole), textOf({}));
  const { source } = await kubeConfigFileCredentials(file);
  assert.match(String(source), /^kubeconfig [0-9a-f]{64}$/);
  writeFileSync(file.mergedWith?.[0] ?? '', textOf({ ...whole, server: 'https://late', token: 'late' }));
  assert.equal((await kubeConfigFileCredentials(file)).source, source);
  // An entry with another name is one more entry.
  writeFileSync(file.mergedWith?.[0] ?? '', textOf({ token: 'late' }).replace('"u"', '"v"'));
  assert.notEqual((await kubeConfigFileCredentials(file)).source, source);
});

test('the error names the later file when it cannot be read', async (t) => {
  const { path } = writeFiles(t, textOf({}));
  const missing = join(dirname(path), 'missing');
  await assert.rejects(kubeConfigFileCredentials({ path, mergedWith: [missing] }), (error: LeaseElectorError) => {
    assert.equal(error.code, BROKEN);
    assert.match(error.message, /^The kubeconfig .*missing cannot be read: ENOENT: no such file or directory, open/);
    assert.equal((error.cause as NodeJS.ErrnoException).path, missing);
    return true;
  });
});

test('the error names no context when the kubeconfig has no current context', async (t) => {
  await assert.rejects(kubeConfigFileCredentials(writeFiles(t, textOf({}))), {
    code: BROKEN,
    message: 'The KubeConfig\'s current context ("") names no cluster',
  });
});

test('a path is shown when it has at most 255 characters', async () => {
  const shown = `/${'x'.repeat(254)}`;
  await assert.rejects(kubeConfigFileCredentials({ path: shown }), {
    message: `The kubeconfig ${shown} cannot be read: ENOENT: no such file or directory, open '${shown}'`,
  });
  await assert.rejects(kubeConfigFileCredentials({ path: `${shown}x` }), (error: LeaseElectorError) => {
    assert.equal(
      error.message,
      'The kubeconfig (a path of 256 characters, which is not shown: it may be the text of a kubeconfig) cannot be read: ENOENT',
    );
    const cause = error.cause as NodeJS.ErrnoException;
    assert.deepEqual([cause.message, cause.code, cause.path], ['ENOENT', 'ENOENT', undefined]);
    return true;
  });
});

/** Loads a kubeconfig while the import of `@kubernetes/client-node` fails with `failure`. */
async function loadWithoutClient(t: TestContext, failure: Error): Promise<LeaseElectorError> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@kubernetes/client-node') throw failure;
      return next(specifier, context);
    },
  });
  t.after(() => hooks.deregister());
  return kubeConfigFileCredentials({ path: '/etc/kubeconfig' }).then(
    () => assert.fail('loaded'),
    (error: LeaseElectorError) => error,
  );
}

test('the error explains how to install the client when it cannot be loaded', async (t) => {
  const failure = new Error('Cannot find package');
  const error = await loadWithoutClient(t, failure);
  assert.equal(error.code, BROKEN);
  assert.equal(
    error.message,
    `The kubeconfig /etc/kubeconfig cannot be loaded without the package @kubernetes/client-node: Cannot find package. ${INSTALL_CLIENT}.`,
  );
  assert.equal(error.cause, failure);
});

test('a client that cannot be loaded for lack of file descriptors is a temporary failure', async (t) => {
  const shortage = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
  assert.equal(await loadWithoutClient(t, shortage), shortage);
});
