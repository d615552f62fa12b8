/**
 * Checks the Pod of this process and its Lease: every source, their order, and the error when no source is valid.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer } from '../../src/driver/ports.ts';
import type { LeaseElectorErrorCode } from '../../src/errors.ts';
import { decodeTokenClaims, type Identity, type IdentitySources, resolveIdentity } from '../../src/kube/identity.ts';
import { checkedName } from '../../src/kube/object-name.ts';
import type { LabelledPod } from '../../src/kube/pod-api.ts';
import { boundToken } from './stub-server.ts';

const TOKEN = boundToken('shop', 'web-0', 'uid-of-token');

/** The sources with the changes of a row, and the reads that were sent. */
function sources(
  given: Partial<IdentitySources>,
  pod?: Partial<LabelledPod> | null,
): IdentitySources & { reads: string[] } {
  const reads: string[] = [];
  return {
    environment: {},
    token: null,
    defaultNamespace: () => 'namespace-file',
    hostname: () => 'host',
    reads,
    readPod: (namespace, name) => {
      reads.push(`${namespace}/${name}`);
      const found =
        pod == null ? null : { name, uid: 'uid-of-read', resourceVersion: '1', terminating: false, labels: {}, ...pod };
      return Promise.resolve({ ok: true, value: found } satisfies Answer<LabelledPod | null>);
    },
    ...given,
  };
}

const ROWS: readonly {
  rule: string;
  given: Partial<IdentitySources>;
  pod?: Partial<LabelledPod>;
  reads: readonly string[];
  identity: string;
}[] = [
  {
    rule: "the token's claims and a Lease name need no read",
    given: { token: TOKEN, lease: 'web' },
    reads: [],
    identity: 'shop/web-0 uid-of-token web',
  },
  {
    rule: '$NAIS_APP_NAME is a Lease name',
    given: { token: TOKEN, environment: { NAIS_APP_NAME: 'web' } },
    reads: [],
    identity: 'shop/web-0 uid-of-token web',
  },
  {
    rule: 'the option takes precedence over $NAIS_APP_NAME',
    given: { token: TOKEN, lease: 'mine', environment: { NAIS_APP_NAME: 'web' } },
    reads: [],
    identity: 'shop/web-0 uid-of-token mine',
  },
  {
    rule: 'an empty $NAIS_APP_NAME is ignored',
    given: { token: TOKEN, environment: { NAIS_APP_NAME: '' } },
    pod: { uid: 'uid-of-token', labels: { app: 'b' } },
    reads: ['shop/web-0'],
    identity: 'shop/web-0 uid-of-token b',
  },
  {
    rule: 'the label app.kubernetes.io/name takes precedence over the label app',
    given: { token: TOKEN },
    pod: { uid: 'uid-of-token', labels: { app: 'b', 'app.kubernetes.io/name': 'a' } },
    reads: ['shop/web-0'],
    identity: 'shop/web-0 uid-of-token a',
  },
  {
    rule: 'the claims take precedence over POD_NAME, because they are correct even with host networking',
    given: { token: TOKEN, lease: 'web', environment: { POD_NAME: 'x', POD_NAMESPACE: 'y' } },
    reads: [],
    identity: 'shop/web-0 uid-of-token web',
  },
  {
    rule: 'POD_NAME and POD_NAMESPACE need one read for the uid when there are no claims',
    given: { token: 'opaque', lease: 'web', environment: { POD_NAME: 'x', POD_NAMESPACE: 'y' } },
    pod: {},
    reads: ['y/x'],
    identity: 'y/x uid-of-read web',
  },
  {
    rule: 'hostname and namespace file need one read for the uid and the Lease name',
    given: {},
    pod: { labels: { app: 'b' } },
    reads: ['namespace-file/host'],
    identity: 'namespace-file/host uid-of-read b',
  },
  {
    rule: 'the option `pod` overrides everything',
    given: { token: TOKEN, lease: 'web', pod: { name: 'p', namespace: 'n', uid: 'u' } },
    pod: { uid: 'u' },
    reads: ['n/p'],
    identity: 'n/p u web',
  },
  {
    rule: 'a uid of the option needs no read when it equals that of the token',
    given: { token: TOKEN, lease: 'web', pod: { uid: 'uid-of-token' } },
    reads: [],
    identity: 'shop/web-0 uid-of-token web',
  },
  {
    rule: "an option that names another Pod does not inherit the claims' uid",
    given: { token: TOKEN, lease: 'web', pod: { name: 'web-1' } },
    pod: {},
    reads: ['shop/web-1'],
    identity: 'shop/web-1 uid-of-read web',
  },
  {
    rule: "an option that names another namespace does not inherit the claims' uid",
    given: { token: TOKEN, lease: 'web', pod: { namespace: 'other' } },
    pod: {},
    reads: ['other/web-0'],
    identity: 'other/web-0 uid-of-read web',
  },
];
for (const { rule, given, pod, reads, identity } of ROWS) {
  test(rule, async () => {
    const from = sources(given, pod);
    const answer = await resolveIdentity(from);
    assert.ok(answer.ok);
    const { value } = answer;
    assert.equal(`${value.namespace}/${value.pod.name} ${value.pod.uid} ${value.lease}`, identity);
    assert.deepEqual(from.reads, reads);
  });
}

const REFUSED: readonly {
  rule: string;
  given: Partial<IdentitySources>;
  pod?: Partial<LabelledPod> | null;
  code: LeaseElectorErrorCode;
  expected: RegExp;
}[] = [
  {
    rule: "the error shows how to create the Pod when it does not exist on a developer's machine",
    given: { lease: 'web', namespaceExists: () => Promise.resolve(true) },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected:
      /no Pod "host" in namespace "namespace-file" \(its name comes from the hostname, since POD_NAME is not set\)\. This process does not run in a Pod, so create one for it: `kubectl run host -n namespace-file --image=none`\. Then set POD_NAME=host and POD_NAMESPACE=namespace-file, or the option `pod: \{ name, namespace \}`\. .*LEASE_ELECTOR_LOCAL=leader/,
  },
  {
    rule: 'the error does not mention the namespace when it is unknown whether it exists',
    given: { lease: 'web', namespaceExists: () => Promise.resolve(null) },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /^There is no Pod "host" in namespace "namespace-file" [^`]*`kubectl run/,
  },
  {
    rule: 'the error shows how to create the namespace when it does not exist',
    given: {
      lease: 'web',
      environment: { POD_NAME: 'web-0', POD_NAMESPACE: 'demo' },
      namespaceExists: (namespace) => Promise.resolve(namespace !== 'demo'),
    },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected:
      /^There is no namespace "demo" \(its name comes from POD_NAMESPACE\), so there is no Pod "web-0" in it\. .*`kubectl create namespace demo` and `kubectl run web-0 -n demo --image=none`\. Then set POD_NAME=web-0 and POD_NAMESPACE=demo/,
  },
  {
    rule: "a Pod that does not exist, with a uid of the option, on a developer's machine",
    given: {
      lease: 'web',
      pod: { name: 'p', namespace: 'n', uid: 'u' },
      namespaceExists: () => Promise.resolve(true),
    },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected:
      /^There is no Pod "p" in namespace "n" with the uid u: .*the option `pod: \{ name, namespace \}`, without a uid\./,
  },
  {
    rule: 'the error names the variables to set when the Pod does not exist',
    given: { lease: 'web' },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected:
      /no Pod "host" in namespace "namespace-file" \(its name comes from the hostname, since POD_NAME is not set\).*POD_NAME/,
  },
  {
    rule: 'the error names the options to set when no source has a Lease name',
    given: { token: TOKEN },
    pod: { uid: 'uid-of-token' },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /option `lease`.*NAIS_APP_NAME.*app\.kubernetes\.io\/name/,
  },
  {
    rule: 'the error names the options to set when no source has a namespace',
    given: { lease: 'web', defaultNamespace: () => null },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /POD_NAMESPACE/,
  },
  {
    rule: 'a Pod of the same name with another uid shows that this Pod is gone',
    given: { token: TOKEN },
    pod: { uid: 'uid-of-successor', labels: { app: 'b' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /uid-of-successor, not uid-of-token.*: this process belongs to a Pod that is gone/,
  },
  {
    rule: 'a uid of the option that the Pod does not have',
    given: { token: TOKEN, lease: 'web', pod: { uid: 'mistyped' } },
    pod: { uid: 'uid-of-token' },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /uid uid-of-token, not mistyped \(from the option `pod`\).*never existed, or is gone.*metadata\.uid/,
  },
  {
    rule: 'a uid of the option whose Pod does not exist',
    given: { lease: 'web', pod: { name: 'web-0', namespace: 'shop', uid: 'mistyped' } },
    pod: null,
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /no Pod "web-0" in namespace "shop" with the uid mistyped: it never existed, or is gone/,
  },
  {
    rule: 'a hostname that no Pod can have',
    given: { lease: 'web', hostname: () => '..' },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod name "\.\." \(from the hostname, since POD_NAME is not set\)/,
  },
  {
    rule: 'a name of the option that no Pod can have',
    given: { lease: 'web', pod: { name: '..' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod name "\.\." \(from the option `pod`\)/,
  },
  {
    rule: 'a namespace of the option that no namespace can have',
    given: { lease: 'web', pod: { namespace: '..' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid namespace name "\.\." \(from the option `pod`\)/,
  },
  {
    rule: 'a uid of the option that no Pod can have',
    given: { lease: 'web', token: TOKEN, pod: { uid: 'a b' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod uid "a b" \(from the option `pod`\)/,
  },
  {
    rule: 'a POD_NAME that no Pod can have',
    given: { lease: 'web', environment: { POD_NAME: '.', POD_NAMESPACE: 'shop' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod name "\." \(from POD_NAME\)/,
  },
  {
    rule: 'a POD_NAMESPACE that no namespace can have',
    given: { lease: 'web', environment: { POD_NAME: 'web-0', POD_NAMESPACE: '../kube-system' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid namespace name "\.\.\/kube-system" \(from POD_NAMESPACE\)/,
  },
  {
    rule: 'a namespace file that holds no namespace',
    given: { lease: 'web', defaultNamespace: () => '..' },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid namespace name "\.\." \(from the service account's namespace file/,
  },
  {
    rule: 'claims with an invalid name of a Pod',
    given: { lease: 'web', token: boundToken('shop', '..', 'u') },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod name "\.\." \(from the token's claims\)/,
  },
  {
    rule: 'claims with an invalid namespace',
    given: { lease: 'web', token: boundToken('.', 'web-0', 'u') },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid namespace name "\." \(from the token's claims\)/,
  },
  {
    rule: 'claims with an invalid uid',
    given: { lease: 'web', token: boundToken('shop', 'web-0', 'a b') },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Pod uid "a b" \(from the token's claims\)/,
  },
  {
    rule: 'a $NAIS_APP_NAME that no Lease can have',
    given: { token: TOKEN, environment: { NAIS_APP_NAME: '..' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /Invalid Lease name "\.\." \(from \$NAIS_APP_NAME\)/,
  },
  {
    rule: 'a Lease name that no Lease can have',
    given: { token: TOKEN, lease: 'My_App' },
    code: 'ERR_LEASE_ELECTOR_OPTION',
    expected: /"My_App" \(from the option `lease`\)/,
  },
  {
    rule: 'a label that is not a valid name of a Lease',
    given: { token: TOKEN },
    pod: { uid: 'uid-of-token', labels: { app: 'My_App' } },
    code: 'ERR_LEASE_ELECTOR_IDENTITY',
    expected: /label app/,
  },
];
for (const { rule, given, pod, code, expected } of REFUSED) {
  test(rule, async () => {
    await assert.rejects(resolveIdentity(sources(given, pod)), { name: 'LeaseElectorError', code, message: expected });
  });
}

function refusing(kind: RequestFailureKind): IdentitySources['readPod'] {
  const failure: RequestFailure = {
    kind,
    message: `get pods: ${kind}`,
    retryAfterMs: null,
    missingRule: null,
    cause: null,
  };
  return () => Promise.resolve({ ok: false, failure });
}

const BOUND = 'use a projected (bound) service account token';
const OPTION = 'set the option `pod: { name, namespace, uid }`';
const LEASE = 'set the option `lease` or NAIS_APP_NAME';
const LABELS = "this Pod's labels, one of which may name the Lease";
const FORBIDDEN: readonly (readonly [missing: string, given: Partial<IdentitySources>, advice: string])[] = [
  ['uid', { lease: 'web' }, `this Pod's uid; to do without it, ${BOUND}, or ${OPTION}`],
  ['uid and Lease name', {}, `this Pod's uid; to do without it, ${BOUND}, or ${OPTION}, or ${LEASE}`],
  ['Lease name', { token: TOKEN }, `${LABELS}; to do without it, ${LEASE}`],
];
for (const [missing, given, advice] of FORBIDDEN) {
  test(`a forbidden read of the ${missing} can be retried, and the message explains how to avoid it`, async () => {
    const answer = await resolveIdentity(sources({ ...given, readPod: refusing('forbidden') }));
    assert.ok(!answer.ok);
    assert.equal(answer.failure.kind, 'forbidden');
    assert.equal(answer.failure.message, `get pods: forbidden. It is needed for ${advice}`);
  });
}

test('a uid of the option is accepted unchecked when reading Pods is forbidden', async () => {
  const pod = { name: 'web-0', namespace: 'shop', uid: 'given' };
  const answer = await resolveIdentity(sources({ lease: 'web', pod, readPod: refusing('forbidden') }));
  assert.ok(answer.ok);
  assert.deepEqual(answer.value.pod, { name: 'web-0', uid: 'given' });
  for (const kind of ['unavailable', 'unauthorized', 'malformed'] as const) {
    const later = await resolveIdentity(sources({ lease: 'web', pod, readPod: refusing(kind) }));
    assert.equal(later.ok ? 'ok' : later.failure.kind, kind, 'it is not known yet whether the uid can be checked');
  }
});

test('a read can be retried when its failure is temporary', async () => {
  for (const kind of ['unavailable', 'throttled', 'unauthorized', 'untrusted'] as const) {
    const answer: Answer<Identity> = await resolveIdentity(sources({ readPod: refusing(kind) }));
    assert.ok(!answer.ok);
    assert.deepEqual([answer.failure.kind, answer.failure.message], [kind, `get pods: ${kind}`]);
  }
});

test('the claims of a bound token are decoded, and any other text has none', () => {
  assert.deepEqual(decodeTokenClaims(boundToken('shop', 'blå-0', 'u')), {
    namespace: 'shop',
    pod: { name: 'blå-0', uid: 'u' },
  });
  const encode = (value: unknown): string => `a.${Buffer.from(JSON.stringify(value)).toString('base64url')}.c`;
  for (const token of [
    '',
    'opaque',
    'a.b.c',
    'a..c',
    encode(null),
    encode({ sub: 'u' }),
    encode({ 'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'web' } } }),
    encode({ 'kubernetes.io': { namespace: 'shop', pod: { name: 'web-0' } } }),
    encode({ 'kubernetes.io': { pod: { name: 'web-0', uid: 'u' } } }),
    encode({ 'kubernetes.io': { namespace: '', pod: { name: 'web-0', uid: 'u' } } }),
  ]) {
    assert.equal(decodeTokenClaims(token), null, token);
  }
});

test('a Lease name is an RFC 1123 subdomain', () => {
  for (const name of ['a', '0', 'web', 'web.shop-1', 'a'.repeat(253)])
    assert.equal(checkedName('Lease', name, 'x'), name);
  for (const name of ['', '.', '..', '-a', 'a-', 'a..b', 'A', 'a_b', 'a/b', 'a'.repeat(254), 'å']) {
    assert.throws(() => checkedName('Lease', name, 'x'), { code: 'ERR_LEASE_ELECTOR_IDENTITY' }, name);
  }
});

test('a namespace is an RFC 1123 label, and a uid has no white space', () => {
  for (const name of ['a', '0', 'web-1', 'a'.repeat(63)]) assert.equal(checkedName('namespace', name, 'x'), name);
  for (const name of ['', '.', '..', 'a.b', '-a', 'a-', 'A', 'a'.repeat(64)]) {
    assert.throws(() => checkedName('namespace', name, 'x'), { code: 'ERR_LEASE_ELECTOR_IDENTITY' }, name);
  }
  assert.equal(checkedName('uid', 'pod/1', 'x'), 'pod/1');
  for (const uid of ['', ' ', 'a b', 'å', 'a\n', 'a'.repeat(254)]) {
    assert.throws(() => checkedName('uid', uid, 'x'), { code: 'ERR_LEASE_ELECTOR_IDENTITY' }, uid);
  }
});
