import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from '../../src/testing/handlers/routes.ts';

const GROUP = '/apis/coordination.k8s.io/v1';

interface Row {
  readonly ask: string;
  readonly is: string;
}

/** `METHOD path` and `verb namespace resource/subresource name`. */
const TABLE: readonly Row[] = [
  { ask: `GET ${GROUP}/leases`, is: 'list - leases -' },
  { ask: `GET ${GROUP}/namespaces/ns/leases`, is: 'list ns leases -' },
  { ask: `GET ${GROUP}/namespaces/ns/leases/`, is: 'list ns leases -' },
  { ask: `GET ${GROUP}/namespaces/ns/leases?watch=1`, is: 'watch ns leases -' },
  { ask: `GET ${GROUP}/namespaces/ns/leases?watch=false`, is: 'list ns leases -' },
  { ask: `GET ${GROUP}/namespaces/ns/leases?fieldSelector=metadata.name%3Da`, is: 'list ns leases a' },
  { ask: `GET ${GROUP}/watch/namespaces/ns/leases/a`, is: 'watch ns leases a' },
  { ask: `GET ${GROUP}/namespaces/ns/leases/a?watch=true`, is: 'get ns leases a' },
  { ask: `GET ${GROUP}/namespaces/ns/leases/%65lection`, is: 'get ns leases election' },
  // Go decodes the path before it is split (net/url: URL.Path).
  { ask: `GET ${GROUP}/namespaces/ns/leases%2Felection`, is: 'get ns leases election' },
  { ask: `GET ${GROUP}/namespaces/ns/leases/a%2Fb`, is: 'get ns leases/b a' },
  { ask: `GET ${GROUP}/namespaces/ns/leases/a%2f`, is: 'get ns leases a' },
  { ask: 'GET %2Fversion', is: 'not a resource' },
  { ask: `POST ${GROUP}/namespaces/ns/leases`, is: 'create ns leases -' },
  { ask: `DELETE ${GROUP}/namespaces/ns/leases`, is: 'deletecollection ns leases -' },
  { ask: `PUT ${GROUP}/namespaces/ns/leases/a`, is: 'update ns leases a' },
  { ask: 'PATCH /api/v1/namespaces/ns/pods/a/status', is: 'patch ns pods/status a' },
  { ask: 'GET /api/v1/namespaces/ns', is: 'get ns namespaces ns' },
  { ask: 'GET /api/v1/namespaces', is: 'list - namespaces -' },
  { ask: 'GET /api/v1/namespaces/ns/status', is: 'get ns namespaces/status ns' },
  { ask: 'GET /version', is: 'not a resource' },
  { ask: `GET ${GROUP}`, is: 'not a resource' },
  { ask: 'GET /apis//v1/leases', is: 'not a resource' },
];

for (const { ask, is } of TABLE) {
  test(`${ask} is ${is}`, () => {
    const [method = '', target = ''] = ask.split(' ');
    const [path = '', query] = target.split('?');
    const info = parseRequest(method, path, new URLSearchParams(query));
    const what = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
    const told = `${info.verb} ${info.namespace ?? '-'} ${what} ${info.name === '' ? '-' : info.name}`;
    assert.equal(info.isResource ? told : 'not a resource', is);
  });
}
