import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from '../../src/testing/handlers/routes.ts';

const GROUP = '/apis/coordination.k8s.io/v1';

interface Row {
  readonly request: string;
  readonly attributes: string;
}

/** `METHOD path` and `verb namespace resource/subresource name`. */
const TABLE: readonly Row[] = [
  { request: `GET ${GROUP}/leases`, attributes: 'list - leases -' },
  { request: `GET ${GROUP}/namespaces/ns/leases`, attributes: 'list ns leases -' },
  { request: `GET ${GROUP}/namespaces/ns/leases/`, attributes: 'list ns leases -' },
  { request: `GET ${GROUP}/namespaces/ns/leases?watch=1`, attributes: 'watch ns leases -' },
  { request: `GET ${GROUP}/namespaces/ns/leases?watch=false`, attributes: 'list ns leases -' },
  { request: `GET ${GROUP}/namespaces/ns/leases?fieldSelector=metadata.name%3Da`, attributes: 'list ns leases a' },
  { request: `GET ${GROUP}/watch/namespaces/ns/leases/a`, attributes: 'watch ns leases a' },
  { request: `GET ${GROUP}/namespaces/ns/leases/a?watch=true`, attributes: 'get ns leases a' },
  { request: `GET ${GROUP}/namespaces/ns/leases/%65lection`, attributes: 'get ns leases election' },
  // Go decodes the path before it attributes split (net/url: URL.Path).
  { request: `GET ${GROUP}/namespaces/ns/leases%2Felection`, attributes: 'get ns leases election' },
  { request: `GET ${GROUP}/namespaces/ns/leases/a%2Fb`, attributes: 'get ns leases/b a' },
  { request: `GET ${GROUP}/namespaces/ns/leases/a%2f`, attributes: 'get ns leases a' },
  { request: 'GET %2Fversion', attributes: 'not a resource' },
  { request: `POST ${GROUP}/namespaces/ns/leases`, attributes: 'create ns leases -' },
  { request: `DELETE ${GROUP}/namespaces/ns/leases`, attributes: 'deletecollection ns leases -' },
  { request: `PUT ${GROUP}/namespaces/ns/leases/a`, attributes: 'update ns leases a' },
  { request: 'PATCH /api/v1/namespaces/ns/pods/a/status', attributes: 'patch ns pods/status a' },
  { request: 'GET /api/v1/namespaces/ns', attributes: 'get ns namespaces ns' },
  { request: 'GET /api/v1/namespaces', attributes: 'list - namespaces -' },
  { request: 'GET /api/v1/namespaces/ns/status', attributes: 'get ns namespaces/status ns' },
  { request: 'GET /version', attributes: 'not a resource' },
  { request: `GET ${GROUP}`, attributes: 'not a resource' },
  { request: 'GET /apis//v1/leases', attributes: 'not a resource' },
];

for (const { request, attributes } of TABLE) {
  test(`${request} has the attributes: ${attributes}`, () => {
    const [method = '', target = ''] = request.split(' ');
    const [path = '', query] = target.split('?');
    const info = parseRequest(method, path, new URLSearchParams(query));
    const what = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
    const actual = `${info.verb} ${info.namespace ?? '-'} ${what} ${info.name === '' ? '-' : info.name}`;
    assert.equal(info.isResource ? actual : 'not a resource', attributes);
  });
}
