/**
 * Checks one port on several addresses: which binds are repeated, which are given up, and what is reported.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BindOutcome, bindEvery, describeBinding, PORT_ATTEMPTS } from '../../src/endpoint/addresses.ts';

/** A machine on which some ports of some addresses cannot be bound; free ports are 1, 2, 3… */
class Machine {
  readonly #codes: (host: string, port: number) => string | undefined;
  readonly bound = new Set<string>();
  #next = 0;

  constructor(codes: (host: string, port: number) => string | undefined) {
    this.#codes = codes;
  }

  bind = async (host: string, wanted: number): Promise<BindOutcome<string>> => {
    this.#next += wanted === 0 ? 1 : 0;
    const port = wanted === 0 ? this.#next : wanted;
    const code = this.#codes(host, port);
    if (code !== undefined) return { ok: false, host, error: Object.assign(new Error(`bind ${code}`), { code }) };
    const listener = `${host} ${port}`;
    this.bound.add(listener);
    return { ok: true, host, port, listener };
  };

  unbind = (listener: string): void => {
    this.bound.delete(listener);
  };
}

const BOTH = ['127.0.0.1', '::1'];

test('a free port is free on both addresses, and other ports bound during the search are closed', async () => {
  const machine = new Machine((host, port) => (host === '::1' && port < 3 ? 'EADDRINUSE' : undefined));
  const binding = await bindEvery(BOTH, 0, machine.bind, machine.unbind);
  assert.deepEqual(
    binding.bound.map(({ port }) => port),
    [3, 3],
  );
  assert.deepEqual([...machine.bound], ['127.0.0.1 3', '::1 3']);
  assert.equal(describeBinding(binding, 0), null);
});

test('the search for a free port ends after PORT_ATTEMPTS', async () => {
  const machine = new Machine((host) => (host === '::1' ? 'EADDRINUSE' : undefined));
  const binding = await bindEvery(BOTH, 0, machine.bind, machine.unbind);
  assert.deepEqual([...machine.bound], [`127.0.0.1 ${PORT_ATTEMPTS}`]);
  assert.match(describeBinding(binding, 0) ?? '', /cannot listen on \[::1\]:.* taken/);
});

test('a configured port is tried once on each address', async () => {
  let attempts = 0;
  const machine = new Machine(() => {
    attempts += 1;
    return 'EADDRINUSE';
  });
  const binding = await bindEvery(BOTH, 4040, machine.bind, machine.unbind);
  assert.equal(attempts, 2);
  assert.match(describeBinding(binding, 4040) ?? '', /127.0.0.1:4040 and \[::1\]:4040/);
});

for (const code of ['EADDRNOTAVAIL', 'EAFNOSUPPORT']) {
  test(`an address that does not exist (${code}) is not reported when the other one works`, async () => {
    for (const missing of BOTH) {
      const machine = new Machine((host) => (host === missing ? code : undefined));
      const binding = await bindEvery(BOTH, 4040, machine.bind, machine.unbind);
      assert.equal(describeBinding(binding, 4040), null, missing);
      assert.equal(machine.bound.size, 1);
    }
    const nothing = await bindEvery(BOTH, 4040, new Machine(() => code).bind, () => {});
    assert.match(describeBinding(nothing, 4040) ?? '', /is not available/);
  });
}

test('a port is reported as forbidden when the bind is answered EACCES', async () => {
  const binding = await bindEvery(BOTH, 80, new Machine(() => 'EACCES').bind, () => {});
  assert.match(describeBinding(binding, 80) ?? '', /permission denied \(EACCES\)\. Choose a port above 1023/);
});

test('the second address is bound to the configured port when the first address fails', async () => {
  const machine = new Machine((host) => (host === '127.0.0.1' ? 'EADDRINUSE' : undefined));
  const binding = await bindEvery(BOTH, 4040, machine.bind, machine.unbind);
  assert.deepEqual(
    binding.bound.map(({ host, port }) => [host, port]),
    [['::1', 4040]],
  );
});

test('the search for a free port ends at once when an address does not exist', async () => {
  const machine = new Machine((host) => (host === '::1' ? 'EADDRNOTAVAIL' : undefined));
  await bindEvery(BOTH, 0, machine.bind, machine.unbind);
  assert.deepEqual([...machine.bound], ['127.0.0.1 1']);
});

test('a message names every address that answers when another address cannot be bound', async () => {
  const machine = new Machine((host) => (host === '10.0.0.7' ? 'EACCES' : undefined));
  const binding = await bindEvery(['10.0.0.7', ...BOTH], 80, machine.bind, machine.unbind);
  assert.match(
    describeBinding(binding, 80) ?? '',
    /^The endpoint cannot listen on 10\.0\.0\.7:80: .* It does answer on 127\.0\.0\.1:80 and \[::1\]:80\.$/,
  );
});

for (const code of ['ENOTFOUND', undefined]) {
  test(`a message reports the words of an error with ${code === undefined ? 'no code' : 'any other code'}`, () => {
    const error = Object.assign(new Error('the name is unknown'), code === undefined ? {} : { code });
    assert.equal(
      describeBinding({ bound: [], failed: [{ ok: false, host: 'no-such-host', error }] }, 4040),
      'The endpoint cannot listen on no-such-host:4040: the name is unknown. Check the option endpoint. ' +
        'The endpoint is not available. The election continues without it.',
    );
  });
}
