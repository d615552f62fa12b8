/**
 * Checks the options. An unknown option and a value of the wrong type or out of range are rejected, and the message
 * names the expected and the given value. All other options are accepted.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { LeaseElector, LeaseElectorError, type LeaseElectorOptions } from '../src/index.ts';
import {
  checkLeaderOnlyOptions,
  checkStopOptions,
  DEFAULT_DRAIN_TIMEOUT_MS,
  DEFAULT_LEASE_DURATION_SECONDS,
  DEFAULT_RENEW_INTERVAL_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  DEFAULT_START_GRACE_MS,
  isLocalByVariable,
  type PodOptions,
  resolveOptions,
} from '../src/options.ts';

const LONGEST_TIMER_MS = 2_147_483_647;

/** The rejected options, and the parts of their messages. */
const REFUSED: readonly (readonly [options: unknown, expected: string | RegExp, given: string])[] = [
  [null, 'options must be an object', 'is null'],
  ['web', 'options must be an object', 'is "web"'],
  [['web'], 'options must be an object', 'is an array'],
  [() => ({}), 'options must be an object', 'is a function'],

  [{ leese: 'web' }, 'options.leese does not exist', 'Known options: lease, onElected,'],
  [{ constructor: 1 }, 'options.constructor does not exist', 'Known options:'],
  [JSON.parse('{"__proto__": 1}'), 'options.__proto__ does not exist', 'Known options:'],
  [{ Lease: undefined }, 'options.Lease does not exist', 'Known options:'],

  [{ lease: '' }, 'options.lease must be a non-empty string', 'is ""'],
  [{ lease: 7 }, 'options.lease must be a non-empty string', 'is 7'],
  [{ lease: null }, 'options.lease must be a non-empty string', 'is null'],
  [{ lease: ['web'] }, 'options.lease must be a non-empty string', 'is an array'],

  [{ lease: '.' }, 'options.lease must be a non-empty string, the name of a Lease: at most 253', 'is "."'],
  [{ lease: '..' }, 'options.lease must be a non-empty string, the name of a Lease', 'is ".."'],
  [{ lease: 'My_App' }, 'options.lease must be a non-empty string, the name of a Lease', 'is "My_App"'],
  [{ lease: 'a/b' }, 'options.lease must be a non-empty string, the name of a Lease', 'is "a/b"'],
  [{ lease: 'a'.repeat(254) }, 'options.lease must be a non-empty string', `is "${'a'.repeat(60)}…"`],

  [{ onElected: 'run' }, 'options.onElected must be a function', 'is "run"'],
  [{ onElected: {} }, 'options.onElected must be a function', 'is an object with the keys []'],

  [{ signal: new AbortController() }, 'options.signal must be an AbortSignal', 'is an object'],
  [{ signal: { aborted: false } }, 'options.signal must be an AbortSignal', 'is an object with the keys ["aborted"]'],

  [{ pod: 'web-0' }, 'options.pod must be an object with the strings name, namespace and uid', 'is "web-0"'],
  [{ pod: { nam: 'web-0' } }, 'options.pod must be an object with the strings name', 'the keys ["nam"]'],
  [{ pod: { nam: undefined } }, 'options.pod must be an object with the strings name', 'the keys ["nam"]'],
  [{ pod: { uid: 5 } }, 'options.pod must be an object with the strings name', 'the keys ["uid"]'],
  [{ pod: { name: '' } }, 'options.pod must be an object with the strings name', 'the keys ["name"]'],
  [{ pod: { getCurrentCluster: () => null } }, 'options.pod must be an object', 'the keys ["getCurrentCluster"]'],
  [{ pod: { toString: 'x' } }, 'options.pod must be an object with the strings name', 'the keys ["toString"]'],

  [{ pod: { name: '..' } }, 'options.pod.name must be at most 253 lower-case letters', 'is ".."'],
  [{ pod: { name: 'Web' } }, 'options.pod.name must be at most 253 lower-case letters', 'is "Web"'],
  [{ pod: { namespace: '.' } }, 'options.pod.namespace must be at most 63 lower-case letters', 'is "."'],
  [{ pod: { namespace: 'a.b' } }, 'options.pod.namespace must be at most 63 lower-case letters', 'is "a.b"'],
  [{ pod: { namespace: 'a'.repeat(64) } }, 'options.pod.namespace must be at most 63', '…'],
  [{ pod: { uid: 'a b' } }, 'options.pod.uid must be at most 253 printable characters', 'is "a b"'],
  [{ pod: { uid: 'a\n' } }, 'options.pod.uid must be at most 253 printable characters', 'is "a\\n"'],

  [{ pod: new Map([['name', 'web-0']]) }, 'options.pod must be a plain object', 'inherits "get"'],

  [
    { kubeConfig: {} },
    'options.kubeConfig must be a KubeConfig of @kubernetes/client-node, or an object',
    'but is another object',
  ],
  [
    { kubeConfig: '~/.kube/config' },
    'options.kubeConfig must be a KubeConfig',
    'is a string of 14 characters, which is not shown',
  ],
  [{ kubeConfig: { path: 7 } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: { path: '' } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: { path: 'kind: Config\nusers: []' } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: { path: '{"kind":"Config"}' } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: null }, 'options.kubeConfig must be', 'but is null'],
  [{ kubeConfig: 7 }, 'options.kubeConfig must be', 'but is a number'],
  [{ kubeConfig: { path: undefined } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: { context: 'x' } }, 'options.kubeConfig must be', 'but is another object'],
  [{ kubeConfig: { path: 'p', user: 'u' } }, 'options.kubeConfig must be', 'but is another object'],

  [{ local: 'yes' }, "options.local must be true, false, 'leader' or 'candidate'", 'is "yes"'],
  [{ local: 1 }, 'options.local must be true, false', 'is 1'],

  [{ succession: 'pod-gone' }, "options.succession must be 'pod-deleted' or 'pod-stopped'", 'is "pod-gone"'],
  [{ succession: true }, "options.succession must be 'pod-deleted' or 'pod-stopped'", 'is true'],

  [{ renewIntervalMs: 99 }, `options.renewIntervalMs must be a whole number from 100 to ${LONGEST_TIMER_MS}`, 'is 99'],
  [{ renewIntervalMs: 100.5 }, 'options.renewIntervalMs must be a whole number', 'is 100.5'],
  [{ renewIntervalMs: Number.NaN }, 'options.renewIntervalMs must be a whole number', 'is NaN'],
  [{ renewIntervalMs: Number.POSITIVE_INFINITY }, 'options.renewIntervalMs must be a whole number', 'is Infinity'],
  [{ renewIntervalMs: '10000' }, 'options.renewIntervalMs must be a whole number', 'is "10000"'],
  [{ renewIntervalMs: 10000n }, 'options.renewIntervalMs must be a whole number', 'is 10000'],
  [{ renewIntervalMs: 2 ** 31 }, 'options.renewIntervalMs must be a whole number', 'is 2147483648'],

  [{ leaseDurationSeconds: 0 }, 'options.leaseDurationSeconds must be a whole number from 1 to 2147483', 'is 0'],
  [{ leaseDurationSeconds: 2_147_484 }, 'options.leaseDurationSeconds must be', 'is 2147484'],
  [{ leaseDurationSeconds: 10 }, 'options.leaseDurationSeconds (10) must be longer', '(10000 ms)'],
  [{ renewIntervalMs: 30_000 }, 'options.leaseDurationSeconds (30) must be longer', '(30000 ms)'],

  [{ drainTimeoutMs: -1 }, `options.drainTimeoutMs must be a whole number from 0 to ${LONGEST_TIMER_MS}`, 'is -1'],
  [{ drainTimeoutMs: 2 ** 31 }, 'options.drainTimeoutMs must be a whole number', 'is 2147483648'],
  [{ startGraceMs: -1 }, `options.startGraceMs must be a whole number from 0 to ${LONGEST_TIMER_MS}`, 'is -1'],
  [{ startGraceMs: '30s' }, 'options.startGraceMs must be a whole number', 'is "30s"'],
  [{ requestTimeoutMs: 0 }, `options.requestTimeoutMs must be a whole number from 100 to ${LONGEST_TIMER_MS}`, 'is 0'],

  [{ leaderLabel: '' }, 'options.leaderLabel must be the key of a label, such as app.example.com/leader', 'is ""'],
  [{ leaderLabel: true }, 'options.leaderLabel must be the key of a label', 'is true'],
  [{ leaderLabel: 'a/b/c' }, 'options.leaderLabel must be the key of a label', 'is "a/b/c"'],
  [{ leaderLabel: '/leader' }, 'options.leaderLabel must be the key of a label', 'is "/leader"'],
  [{ leaderLabel: 'example.com/' }, 'options.leaderLabel must be the key of a label', 'is "example.com/"'],
  [{ leaderLabel: 'Example.com/leader' }, 'options.leaderLabel must be the key of a label', 'is "Example.com/leader"'],
  [{ leaderLabel: 'leader=true' }, 'options.leaderLabel must be the key of a label', 'is "leader=true"'],
  [{ leaderLabel: '-leader' }, 'options.leaderLabel must be the key of a label', 'is "-leader"'],
  [{ leaderLabel: 'a'.repeat(64) }, 'options.leaderLabel must be the key of a label', '…'],
  [{ leaderLabel: 'app.kubernetes.io/name' }, 'is not one of kubernetes.io or k8s.io', 'is "app.kubernetes.io/name"'],
  [{ leaderLabel: 'k8s.io/leader' }, 'is not one of kubernetes.io or k8s.io', 'is "k8s.io/leader"'],
  [{ podDeletionCost: 0 }, 'options.podDeletionCost must be a whole number from 1 to 2147483647', 'is 0'],
  [{ podDeletionCost: '100' }, 'options.podDeletionCost must be a whole number', 'is "100"'],
  [{ podDeletionCost: 2 ** 31 }, 'options.podDeletionCost must be a whole number', 'is 2147483648'],
  [{ events: 'yes' }, 'options.events must be a boolean', 'is "yes"'],

  [{ endpoint: 4040 }, 'options.endpoint must be true, or an object with the port', 'is 4040'],
  [{ endpoint: 'localhost:4040' }, 'options.endpoint must be true, or an object', 'is "localhost:4040"'],
  [{ endpoint: { prot: 4040 } }, 'options.endpoint must be true, or an object', 'the keys ["prot"]'],
  [{ endpoint: { port: 65_536 } }, 'the port (a whole number from 0 to 65535)', 'the keys ["port"]'],
  [{ endpoint: { port: -1 } }, 'options.endpoint must be', 'the keys ["port"]'],
  [{ endpoint: { port: '4040' } }, 'options.endpoint must be', 'the keys ["port"]'],
  [{ endpoint: { host: 'web.example' } }, 'the host (an IP address, or localhost)', 'the keys ["host"]'],
  [{ endpoint: { exposeLeader: 1 } }, 'exposeLeader (a boolean)', 'the keys ["exposeLeader"]'],
  [{ progressTimeoutMs: 0 }, 'options.progressTimeoutMs must be a whole number from 100', 'but is 0'],
  [{ endpoint: { host: '' } }, 'options.endpoint must be', 'the keys ["host"]'],
  [{ endpoint: { host: '[::1]' } }, 'options.endpoint must be', 'the keys ["host"]'],
  [{ endpoint: { host: ['127.0.0.1'] } }, 'options.endpoint must be', 'the keys ["host"]'],
  [{ endpoint: new URL('http://localhost:5000') }, 'options.endpoint must be a plain object', 'inherits "'],
  [{ endpoint: new Map([['port', 5000]]) }, 'options.endpoint must be a plain object', 'inherits "get"'],
  [{ endpoint: true, exportEnv: 'yes' }, 'options.exportEnv must be a boolean', 'is "yes"'],
  [{ exportEnv: true }, 'options.exportEnv exports the address of the endpoint', 'set options.endpoint'],
  [
    { endpoint: false, exportEnv: true },
    'options.exportEnv exports the address of the endpoint',
    'there is no endpoint',
  ],

  [{ logger: console.log }, 'options.logger must be an object with the methods debug, info, warn, error', 'a function'],
  [{ logger: { info: () => 1, warn: () => 1, error: () => 1 } }, 'options.logger must be', '["info","warn","error"]'],
  [{ logger: { debug: 1, info: 1, warn: 1, error: 1 } }, 'options.logger must be', 'an object with the keys'],
  [{ logger: 'console' }, 'options.logger must be', 'is "console"'],

  [{ serviceAccountDirectory: '' }, 'options.serviceAccountDirectory must be a non-empty string', 'is ""'],
  [{ serviceAccountDirectory: new URL('file:///run') }, 'options.serviceAccountDirectory must be', 'is an object'],
];

for (const [options, expected, given] of REFUSED) {
  test(`the constructor rejects ${nameOf(options)}`, () => {
    assert.throws(
      () => new LeaseElector(options as LeaseElectorOptions),
      (error: unknown) => {
        assert.ok(error instanceof LeaseElectorError);
        assert.equal(error.code, 'ERR_LEASE_ELECTOR_OPTION');
        assert.ok(error.message.includes(String(expected)), error.message);
        assert.ok(error.message.includes(given), error.message);
        return true;
      },
    );
  });
}

/** A secret as kubeconfigs contain it. No message may contain it. */
const SECRET = 's3cr3t-t0k3n';
const KUBE_CONFIG_TEXT = `{"users":[{"name":"u","user":{"token":"${SECRET}"}}]}`;

for (const [where, options] of [
  ['kubeConfig', { kubeConfig: KUBE_CONFIG_TEXT }],
  ['kubeConfig as YAML', { kubeConfig: `users:\n- user: {token: ${SECRET}}` }],
  ['kubeConfig.path', { kubeConfig: { path: KUBE_CONFIG_TEXT } }],
  ['kubeConfig.path as YAML', { kubeConfig: { path: `users:\n- user: {token: ${SECRET}}` } }],
  ['a field of kubeConfig', { kubeConfig: { path: 'p', [SECRET]: SECRET } }],
  ['an array as kubeConfig', { kubeConfig: [SECRET] }],
  ['a long value of another option', { lease: `${'X'.repeat(60)}${SECRET}` }],
  ['a long name of an option', { [`${'x'.repeat(60)}${SECRET}`]: 1 }],
  ['long keys of another option', { pod: { [`${'x'.repeat(60)}${SECRET}`]: 1 } }],
  ['a long value of a wrong type', { requestTimeoutMs: `${'x'.repeat(60)}${SECRET}` }],
] as const) {
  test(`an error message contains no secret when it is about ${where}`, () => {
    assert.throws(
      () => new LeaseElector(options as unknown as LeaseElectorOptions),
      (error: unknown) => {
        assert.ok(error instanceof LeaseElectorError);
        assert.equal(error.code, 'ERR_LEASE_ELECTOR_OPTION');
        assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(SECRET), error.message);
        return true;
      },
    );
  });
}

/** The suggestion for each misspelt option. `null`: no suggestion. */
const MEANT: readonly (readonly [options: unknown, meant: string | null])[] = [
  // Names of client-go and other libraries.
  [{ leaseName: 'web' }, 'lease'],
  [{ name: 'web' }, 'lease'],
  [{ namespace: 'shop' }, 'pod.namespace'],
  [{ identity: 'web-0' }, 'pod.name'],
  [{ renewInterval: 1_000 }, 'renewIntervalMs'],
  [{ retryPeriod: 1_000 }, 'renewIntervalMs'],
  [{ RetryPeriod: 1_000 }, 'renewIntervalMs'],
  [{ 'retry-period': 1_000 }, 'renewIntervalMs'],
  [{ leaseDuration: 30 }, 'leaseDurationSeconds'],
  [{ onStartedLeading: () => 1 }, 'onElected'],
  [{ onStoppedLeading: () => 1 }, 'the event demoted'],
  [{ releaseOnCancel: true }, 'stop({ release: true })'],
  [{ EventRecorder: {} }, 'events'],
  [{ labelLeader: 'leader' }, 'leaderLabel'],
  [{ deletionCost: 100 }, 'podDeletionCost'],
  // Typing errors.
  [{ leaderLable: 'leader' }, 'leaderLabel'],
  [{ event: true }, 'events'],
  [{ leese: 'web' }, 'lease'],
  [{ lase: 'web' }, 'lease'],
  [{ Lease: 'web' }, 'lease'],
  [{ singal: null }, 'signal'],
  [{ log: console }, 'logger'],
  [{ onElectd: () => 1 }, 'onElected'],
  [{ drainTimeout: 1 }, 'drainTimeoutMs'],
  [{ kubeconfig: {} }, 'kubeConfig'],
  [{ locla: true }, 'local'],
  [{ pod: { nam: 'web-0' } }, 'pod.name'],
  [{ pod: { nameSpace: 'shop' } }, 'pod.namespace'],
  [{ endpoint: { prot: 4040 } }, 'endpoint.port'],
  [{ kubeConfig: { Path: 'p' } }, 'kubeConfig.path'],
  // No option is similar.
  [{ constructor: 1 }, null],
  [{ toString: 1 }, null],
  [{ replicas: 3 }, null],
  [{ pid: 1 }, 'pod'],
  [{ '': 1 }, null],
  [{ [`lease${'e'.repeat(1_000_000)}`]: 1 }, null],
  [{ pod: { labels: {} } }, null],
  [{ pod: { identity: 'web-0' } }, null],
];

for (const [options, meant] of MEANT) {
  test(`the error suggests ${meant ?? 'nothing'} when the option is ${nameOf(options).slice(0, 60)}`, () => {
    assert.throws(
      () => new LeaseElector(options as LeaseElectorOptions),
      ({ code, message }: LeaseElectorError) => {
        assert.equal(code, 'ERR_LEASE_ELECTOR_OPTION');
        assert.equal(/Did you mean (.*?)\?/.exec(message)?.[1] ?? null, meant, message);
        return true;
      },
    );
  });
}

test('the error of an option has the name of the option as a field', async () => {
  for (const [options, name] of [
    [null, ''],
    [{ leese: 'web' }, 'leese'],
    [{ lease: 'My_App' }, 'lease'],
    [{ pod: { name: '..' } }, 'pod.name'],
    [{ pod: { nam: 'x' } }, 'pod'],
    [{ leaseDurationSeconds: 10 }, 'leaseDurationSeconds'],
    [{ exportEnv: true }, 'exportEnv'],
    [{ pod: new Map() }, 'pod'],
  ] as const) {
    assert.throws(() => new LeaseElector(options as unknown as LeaseElectorOptions), { option: name });
  }
  await assert.rejects(new LeaseElector().stop({ release: 'yes' as never }), { option: 'release' });
});

const REFUSED_OF_STOP: readonly (readonly [options: unknown, message: RegExp])[] = [
  [null, /^stop options must be an object, but is null\.$/],
  [true, /^stop options must be an object, but is true\.$/],
  [{ relaese: true }, /^stop options\.relaese does not exist\. Did you mean release\? Known options: release\.$/],
  [{ name: 'web' }, /^stop options\.name does not exist\. Known options: release\.$/],
  [{ release: 'yes' }, /^stop options\.release must be a boolean, but is "yes"\.$/],
];

for (const [options, message] of REFUSED_OF_STOP) {
  test(`stop() rejects ${nameOf(options)}`, async () => {
    assert.throws(() => checkStopOptions(options as { release?: boolean }), {
      code: 'ERR_LEASE_ELECTOR_OPTION',
      message,
    });
    const elector = new LeaseElector();
    await assert.rejects(elector.stop(options as { release?: boolean }), { code: 'ERR_LEASE_ELECTOR_OPTION' });
    assert.equal(elector.state, 'idle', 'an invalid call does not stop the elector');
  });
}

const REFUSED_OF_LEADER_ONLY: readonly (readonly [job: unknown, options: unknown, option: string, message: string])[] =
  [
    ['run', {}, 'job', 'the job of leaderOnly() must be a function, but is "run".'],
    [() => 1, { onError: 7 }, 'onError', 'leaderOnly options.onError must be a function, but is 7.'],
    [() => 1, { onFail: () => 1 }, 'onFail', 'leaderOnly options.onFail does not exist. Known options: onError.'],
  ];

for (const [job, options, option, message] of REFUSED_OF_LEADER_ONLY) {
  test(`leaderOnly() rejects ${option} when ${message}`, () => {
    assert.throws(() => checkLeaderOnlyOptions(job, options as Parameters<typeof checkLeaderOnlyOptions>[1]), {
      code: 'ERR_LEASE_ELECTOR_OPTION',
      option,
      message,
    });
  });
}

test('leaderOnly() accepts a job with and without onError', () => {
  const onError = (): void => {};
  assert.equal(checkLeaderOnlyOptions(() => 1, { onError }).onError, onError);
  assert.equal(checkLeaderOnlyOptions(() => 1, {}).onError, undefined);
});

test('each option has its documented default', () => {
  assert.deepEqual(resolveOptions({}), {
    endpoint: null,
    exportEnv: false,
    local: null,
    progressTimeoutMs: null,
    leaderLabel: null,
    podDeletionCost: null,
    events: false,
    renewIntervalMs: DEFAULT_RENEW_INTERVAL_MS,
    leaseDurationSeconds: DEFAULT_LEASE_DURATION_SECONDS,
    drainTimeoutMs: DEFAULT_DRAIN_TIMEOUT_MS,
    requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
    startGraceMs: DEFAULT_START_GRACE_MS,
    succession: 'pod-deleted',
  });
});

test('an option has its default when it is undefined', () => {
  const names = [
    'lease',
    'onElected',
    'signal',
    'pod',
    'kubeConfig',
    'local',
    'endpoint',
    'exportEnv',
    'drainTimeoutMs',
  ];
  const options = Object.fromEntries(names.map((name) => [name, undefined])) as LeaseElectorOptions;
  const resolved = resolveOptions(options);
  assert.deepEqual([resolved.local, resolved.endpoint, resolved.exportEnv], [null, null, false]);
  assert.equal(resolved.drainTimeoutMs, DEFAULT_DRAIN_TIMEOUT_MS);
  new LeaseElector(options);
});

test('each option is accepted at the limits of its range', () => {
  const shared: LeaseElectorOptions = {
    lease: 'web',
    onElected: () => undefined,
    signal: new AbortController().signal,
    serviceAccountDirectory: '/run/secrets',
    pod: { name: 'web-0' },
  };
  const accepted: LeaseElectorOptions[] = [
    {
      ...shared,
      renewIntervalMs: 100,
      leaseDurationSeconds: 1,
      drainTimeoutMs: 0,
      requestTimeoutMs: 100,
      startGraceMs: 0,
    },
    { ...shared, renewIntervalMs: 999, leaseDurationSeconds: 1 },
    {
      ...shared,
      renewIntervalMs: 1_000_000,
      leaseDurationSeconds: 2_147_483,
      requestTimeoutMs: LONGEST_TIMER_MS,
      startGraceMs: LONGEST_TIMER_MS,
    },
    { ...shared, kubeConfig: { path: '/etc/kubeconfig', context: 'staging' } },
    { ...shared, kubeConfig: { path: '/etc/kubeconfig' }, pod: {} },
    { ...shared, local: 'leader', pod: { name: 'a', namespace: 'b', uid: 'c' } },
    { ...shared, endpoint: { port: 0, host: '::1' }, exportEnv: true },
    { ...shared, endpoint: { port: 65_535, host: '0.0.0.0' }, exportEnv: false },
    { ...shared, endpoint: { host: 'localhost' } },
    { ...shared, logger: console },
    { ...shared, local: 'candidate' },
    { ...shared, succession: 'pod-stopped' as const },
    { ...shared, succession: 'pod-deleted' as const },
    { ...shared, pod: { name: undefined, namespace: 'shop', uid: undefined } },
    { ...shared, leaderLabel: 'leader', podDeletionCost: 1, events: true },
    { ...shared, leaderLabel: `${'a'.repeat(63)}.example.com/Leader_1.x`, podDeletionCost: 2 ** 31 - 1, events: false },
    { ...shared, leaderLabel: 'notkubernetes.io/leader' },
  ];
  for (const options of accepted) {
    const resolved = resolveOptions(options);
    for (const [name, value] of Object.entries(options)) assert.deepEqual(Reflect.get(resolved, name), value, name);
  }
});

// Objects of all kinds

class BaseSettings {
  get lease(): string {
    return 'web';
  }
}

class Settings extends BaseSettings {
  renewIntervalMs = 500;
  readonly #pod = { name: 'web-0', namespace: 'shop', uid: 'u' };

  get pod(): PodOptions {
    return this.#pod;
  }
}

class ShownPod {
  get name(): string {
    return 'web-0';
  }
}

/** An object whose properties are on its prototype, or hidden from enumeration, or both. */
const MAKES: Readonly<Record<string, (values: Readonly<Record<string, unknown>>) => object>> = {
  'a plain object': (values) => ({ ...values }),
  'a frozen object': (values) => Object.freeze({ ...values }),
  'a null prototype': (values) => Object.assign(Object.create(null), values),
  'Object.create(…)': (values) => Object.create(values),
  'Object.create(…) twice, without Object.prototype': (values) =>
    Object.create(Object.create(Object.assign(Object.create(null), values))),
  getters: (values) =>
    Object.defineProperties(
      {},
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { get: () => value, enumerable: true }])),
    ),
  'properties that are not enumerable': (values) =>
    Object.defineProperties({}, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]))),
  'an instance whose class has getters': (values) => {
    class Given {}
    for (const [name, value] of Object.entries(values)) {
      Object.defineProperty(Given.prototype, name, { get: () => value });
    }
    return new Given();
  },
  'a Proxy': (values) => new Proxy({ ...values }, {}),
  'an object of another realm': (values) => Object.assign(runInNewContext('({})'), values),
};

for (const [make, made] of Object.entries(MAKES)) {
  test(`options and nested options are read when the object is ${make}`, () => {
    const pod = { name: 'web-0', namespace: 'shop', uid: 'u' };
    const resolved = resolveOptions(
      made({
        lease: 'web',
        renewIntervalMs: 500,
        pod: made(pod),
        endpoint: made({ port: 5000, host: '::1' }),
        kubeConfig: made({ path: '/etc/kubeconfig', context: 'staging' }),
      }),
    );
    assert.deepEqual([resolved.lease, resolved.renewIntervalMs], ['web', 500]);
    assert.deepEqual(resolved.pod, pod);
    assert.deepEqual(resolved.endpoint, { port: 5000, host: '::1' });
    assert.deepEqual(resolved.kubeConfig, { path: '/etc/kubeconfig', context: 'staging' });
    assert.equal(checkStopOptions(made({ release: true })).release, true);
  });

  test(`a misspelt option or nested option is rejected when the object is ${make}`, async () => {
    for (const options of [
      made({ leese: 'web' }),
      { pod: made({ nam: 'web-0' }) },
      { endpoint: made({ prot: 1 }) },
      { kubeConfig: made({ path: 'p', contxt: 'x' }) },
    ]) {
      assert.throws(() => resolveOptions(options as LeaseElectorOptions), {
        code: 'ERR_LEASE_ELECTOR_OPTION',
        message: /does not exist|must be|plain object/,
      });
    }
    assert.throws(() => checkStopOptions(made({ relaese: true })), { code: 'ERR_LEASE_ELECTOR_OPTION' });
  });
}

test('inherited options are read when the object is an instance of a class', () => {
  const { lease, renewIntervalMs, pod } = resolveOptions(new Settings());
  assert.deepEqual({ lease, renewIntervalMs, pod }, { lease: 'web', renewIntervalMs: 500, pod: new Settings().pod });
  assert.deepEqual(resolveOptions({ pod: new ShownPod() }).pod, { name: 'web-0' });
});

test('an inherited property is rejected when it is a method or comes from a polluted Object.prototype', () => {
  class WithMethod {
    lease = 'web';
    onElectd(): void {}
  }
  assert.throws(() => resolveOptions(new WithMethod()), {
    message:
      'options must be a plain object, but inherits "onElectd", which is not an option. Copy the options into a plain object.',
  });
  Object.defineProperty(Object.prototype, 'local', { value: true, configurable: true });
  try {
    assert.equal(resolveOptions({}).local, null);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'local');
  }
});

test('each option is read once, so that the checked value is the used value', () => {
  let reads = 0;
  const options = {
    get renewIntervalMs(): number {
      reads += 1;
      return reads === 1 ? 500 : -1;
    },
  };
  assert.equal(resolveOptions(options).renewIntervalMs, 500);
  assert.equal(reads, 1);
});

/** A Proxy whose traps all throw, and a revoked Proxy. */
function unreadable(): readonly object[] {
  const fail = (): never => {
    throw new Error(SECRET);
  };
  const throwing = new Proxy({}, { getPrototypeOf: fail, ownKeys: fail, get: fail, has: fail });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return [throwing, proxy];
}

test('the error has the error of a getter as its cause when no secret is read', () => {
  const cause = new Error('no database');
  const options: LeaseElectorOptions = {
    get lease(): string {
      throw cause;
    },
  };
  assert.throws(
    () => resolveOptions(options),
    (error: Error) => error.cause === cause,
  );
});

test('the error names a getter or Proxy that throws, and an endless prototype chain is rejected', () => {
  const failing = (name: string): object =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw new Error('no database');
      },
    });
  const endless: object = new Proxy({}, { getPrototypeOf: () => endless, ownKeys: () => [] });
  for (const [options, message] of [
    [
      failing('lease'),
      /^options\.lease cannot be read: a getter or a Proxy threw\. Copy the options into a plain object\.$/,
    ],
    [{ pod: failing('uid') }, /^options\.pod\.uid cannot be read/],
    [{ endpoint: failing('port') }, /^options\.endpoint\.port cannot be read/],
    [{ kubeConfig: failing('path') }, /^options\.kubeConfig\.path cannot be read/],
    ...unreadable().flatMap((one) => [
      [one, /^options cannot be read/] as const,
      [{ pod: one }, /^options\.pod cannot be read/] as const,
      [{ endpoint: one }, /^options\.endpoint cannot be read/] as const,
      [{ kubeConfig: one }, /^options\.kubeConfig cannot be read/] as const,
      [{ signal: one }, /^options\.signal must be an AbortSignal, but is /] as const,
      [{ logger: one }, /^options\.logger must be an object .* but is an object that cannot be read/] as const,
      [{ lease: one }, /^options\.lease must be a non-empty string.* but is an object that cannot be read/] as const,
    ]),
    [endless, /^options must be a plain object/],
  ] as const) {
    assert.throws(() => resolveOptions(options as LeaseElectorOptions), { code: 'ERR_LEASE_ELECTOR_OPTION', message });
  }
  assert.throws(
    () => resolveOptions({ kubeConfig: unreadable()[0] } as unknown as LeaseElectorOptions),
    (error: unknown) => !inspect(error, { depth: 10, showHidden: true }).includes(SECRET),
  );
});

/** The role of a process without a cluster, by the option and by `LEASE_ELECTOR_LOCAL`. */
const LOCAL: readonly (readonly [
  option: LeaseElectorOptions['local'],
  variable: string | undefined,
  role: 'leader' | 'candidate' | null,
])[] = [
  [undefined, undefined, null],
  [false, undefined, null],
  [true, undefined, 'leader'],
  ['leader', undefined, 'leader'],
  ['candidate', undefined, 'candidate'],
  [undefined, 'leader', 'leader'],
  [undefined, 'true', 'leader'],
  [undefined, 'candidate', 'candidate'],
  [true, 'candidate', 'candidate'],
  ['candidate', 'leader', 'leader'],
  [true, 'false', null],
  [true, '', 'leader'],
];

for (const [local, variable, role] of LOCAL) {
  test(`the role is ${role} when local is ${local} and LEASE_ELECTOR_LOCAL is ${variable}`, () => {
    assert.equal(
      resolveOptions({ ...(local === undefined ? {} : { local }) }, { LEASE_ELECTOR_LOCAL: variable }).local,
      role,
    );
  });
}

for (const [variable, isLocal] of [
  [undefined, false],
  ['', false],
  ['false', false],
  ['candidate', true],
  ['true', true],
] as const) {
  test(`a process is ${isLocal ? '' : 'not '}local by its variable when LEASE_ELECTOR_LOCAL is ${variable}`, () => {
    assert.equal(isLocalByVariable({ LEASE_ELECTOR_LOCAL: variable }), isLocal);
  });
}

test('an invalid value of LEASE_ELECTOR_LOCAL is rejected', () => {
  for (const word of ['yes', '1', 'Leader', ' leader']) {
    assert.throws(() => resolveOptions({}, { LEASE_ELECTOR_LOCAL: word }), {
      code: 'ERR_LEASE_ELECTOR_OPTION',
      option: 'local',
      message: `The environment variable LEASE_ELECTOR_LOCAL must be leader, candidate, true or false, but is "${word}".`,
    });
  }
});

test('the endpoint has its defaults when the option is true', () => {
  assert.deepEqual(resolveOptions({ endpoint: true }).endpoint, {});
  assert.deepEqual(resolveOptions({ endpoint: {} }).endpoint, {});
  assert.equal(resolveOptions({ endpoint: false }).endpoint, null);
});

test('a KubeConfig is recognized by its methods, not by its class', () => {
  const kubeConfig = { getCurrentCluster: () => null } as unknown as NonNullable<LeaseElectorOptions['kubeConfig']>;
  assert.equal(resolveOptions({ kubeConfig }).kubeConfig, kubeConfig);
});

test('the options are not changed, and later changes to them have no effect', () => {
  const options = Object.freeze({ lease: 'web', renewIntervalMs: 500 });
  assert.notEqual(resolveOptions(options), options);
});

function nameOf(options: unknown): string {
  const text = JSON.stringify(options, (_, value: unknown) =>
    typeof value === 'number' || typeof value === 'bigint' || value === undefined ? String(value) : value,
  );
  return text ?? String(options);
}
