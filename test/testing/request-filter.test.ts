import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matcherOf, type RequestAttributes, type RequestFilter } from '../../src/testing/kit/request-filter.ts';

const RENEWAL: RequestAttributes = { client: 'web-0', podUid: 'uid-0', verb: 'update', resource: 'leases' };

for (const [name, filter, expected] of [
  ['an empty filter', {}, true],
  ['a client by name', { client: 'web-0' }, true],
  ['another client', { client: 'web-1' }, false],
  ['a Pod by uid', { client: { name: 'web-0', uid: 'uid-0' } }, true],
  ['an earlier Pod of the same name', { client: { name: 'web-0', uid: 'uid-9' } }, false],
  ['a verb', { verb: 'update' }, true],
  ['one of several verbs', { verb: ['create', 'update'] }, true],
  ['another verb', { verb: 'get' }, false],
  ['a resource', { resource: 'leases' }, true],
  ['another resource', { resource: ['pods', 'events'] }, false],
  ['two conditions that match and one that does not', { client: 'web-0', verb: 'update', resource: 'pods' }, false],
] as const satisfies readonly (readonly [string, RequestFilter, boolean])[]) {
  test(`a filter ${expected ? 'matches' : 'does not match'}: ${name}`, () =>
    assert.equal(matcherOf('test', filter)(RENEWAL), expected));
}

for (const [name, filter, message] of [
  ['a misspelt key', { verbs: 'get' }, /^test knows no "verbs"; it knows client, verb, resource, times$/],
  ['an HTTP method', { verb: 'PUT' }, /verb, knows no "PUT"; it knows get, list/],
  ['a resource in the singular', { resource: 'lease' }, /resource, knows no "lease"; it knows .*leases/],
  ['a client that is a number', { client: 7 }, /must be a Pod or the name of a client/],
  ['an empty client', { client: '' }, /must be a Pod/],
  ['a text', 'web-0', /takes an object, but was given "web-0"/],
  ['null', null, /takes an object, but was given null/],
  ['an array', [], /takes an object, but was given an array/],
  ['a function', () => true, /takes an object, but was given a function/],
] as const) {
  test(`a filter is refused: ${name}`, () => {
    const wrong = filter as unknown as RequestFilter;
    assert.throws(() => matcherOf('test', wrong, ['times']), { name: 'TypeError', message });
  });
}
