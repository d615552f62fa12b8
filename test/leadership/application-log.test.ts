/**
 * Checks the option `logger`: the lines, their levels, and their form for pino, winston and console. No logger changes
 * the election.
 */

import assert from 'node:assert/strict';
import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { LogFields, Logger } from '../../src/index.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { OTHER, ScriptedElector, takenBy } from '../worlds/scripted-elector.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A logger whose methods pass their arguments to `write`. */
function loggerOf(write: (level: string, args: readonly unknown[]) => unknown): Logger {
  const methods = LEVELS.map((level) => [level, (...args: unknown[]) => write(level, args)]);
  return Object.fromEntries(methods);
}

/**
 * Like pino 10 with `(mergingObject, message)`: it writes the object's own enumerable properties, and the message as
 * `msg`.
 */
function pinoLike(lines: string[]): Logger & { readonly bindings: () => object } {
  const logger = loggerOf((level, [fields, msg]) => {
    lines.push(JSON.stringify({ level, ...(fields as object), ...(msg === undefined ? {} : { msg }) }));
  });
  return { ...logger, bindings: () => ({}) };
}

/**
 * Like winston 3 with the format `json`. A single object is the entry itself and gets a `level`. Of two arguments, the
 * first is the message, and the second is dropped unless it is an object.
 */
function winstonLike(lines: string[]): Logger {
  return loggerOf((level, args) => {
    const [first, second] = args;
    if (args.length > 1) {
      lines.push(JSON.stringify({ ...(typeof second === 'object' ? second : {}), level, message: first }));
      return;
    }
    const entry = first as Record<string, unknown>;
    entry['level'] = level;
    lines.push(JSON.stringify(entry));
  });
}

/** The console of Node.js, which writes to `lines`. */
function consoleLike(lines: string[]): Console {
  const stream = new PassThrough();
  stream.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trimEnd().split('\n')));
  return new Console(stream, stream);
}

/** Makes the elector lead, renew, lose the Lease to another Pod, and stop. */
async function runElection(scripted: ScriptedElector): Promise<void> {
  const { elector, world } = scripted;
  await scripted.lead();
  const item = takenBy(scripted.lease, OTHER);
  world.stream('lease').sink.event({ type: 'MODIFIED', item } as never);
  await promisesSettled();
  void elector.stop();
  await promisesSettled();
  scripted.run(60);
  await promisesSettled();
}

describe('the logged lines', () => {
  test('each election and each change of the leader is one line with its level and its fields', async () => {
    const lines: [level: string, fields: LogFields][] = [];
    const logger = loggerOf((level, [fields]) => lines.push([level, { ...(fields as LogFields) }]));
    await runElection(new ScriptedElector({ logger }));
    const place = { lease: 'web', namespace: 'shop', pod: 'web-0' };
    const term = { fencingToken: '11', leaseUid: 'lease-1' };
    const moved = { event: 'leaderChanged', leader: 'web-0', leaderUid: 'pod-0' };
    assert.deepEqual(lines, [
      ['info', { message: 'This process leads Lease shop/web.', event: 'elected', resumed: false, ...term, ...place }],
      ['info', { message: 'web-0 leads Lease shop/web.', ...moved, ...place }],
      ['debug', { message: 'web-0 renewed Lease shop/web.', event: 'renewed', leader: 'web-0', ...place }],
      [
        'warn',
        {
          message: 'This process no longer leads Lease shop/web: usurped.',
          event: 'demoted',
          reason: 'usurped',
          ...term,
          ...place,
        },
      ],
      ['info', { message: 'web-1 leads Lease shop/web.', ...moved, leader: 'web-1', leaderUid: 'pod-1', ...place }],
      ['info', { message: 'The elector has stopped.', event: 'stopped', ...place }],
    ]);
  });

  test('a warning and an error are lines of their level, and the error has its cause', async () => {
    const lines: [level: string, fields: LogFields][] = [];
    const logger = loggerOf((level, [fields]) => lines.push([level, { ...(fields as LogFields) }]));
    const scripted = new ScriptedElector({
      logger,
      onElected: () => Promise.reject(new Error('the mail server is down')),
    });
    await scripted.lead();
    scripted.clock.stall(10_000);
    scripted.world.take('replace lease').fail('rejected', 'update leases was refused by a webhook');
    for (let seconds = 0; seconds < 20; seconds += 1) {
      scripted.run(1);
      for (const { call, fail } of scripted.world.pending.splice(0))
        if (call === 'replace lease') fail('rejected', 'no');
      await promisesSettled();
    }
    const error = lines.find(([level]) => level === 'error')?.[1];
    assert.deepEqual([error?.event, error?.['code']], ['error', 'ERR_LEASE_ELECTOR_CALLBACK']);
    assert.equal(error?.['cause'], 'the mail server is down');
    assert.match(String(error?.['stack']), /LeaseElectorError: onElected failed[\s\S]*application-log\.test\.ts/);
    const warning = lines.find(([, { event }]) => event === 'warning');
    assert.deepEqual([warning?.[0], warning?.[1]['code']], ['warn', 'request-rejected']);
  });

  test('a line has no bigint and no object as a value', async () => {
    const values: unknown[] = [];
    const logger = loggerOf((_, [fields]) => values.push(...Object.values(fields as LogFields)));
    await runElection(new ScriptedElector({ logger, onElected: () => assert.fail('no') }));
    assert.ok(values.length > 20);
    for (const value of values) assert.ok(value === null || /string|number|boolean/.test(typeof value), String(value));
  });
});

describe('the printed lines', () => {
  test('pino receives the fields first and the message second', async () => {
    const lines: string[] = [];
    await runElection(new ScriptedElector({ logger: pinoLike(lines) }));
    assert.equal(
      lines[0],
      '{"level":"info","event":"elected","fencingToken":"11","resumed":false,"leaseUid":"lease-1","lease":"web",' +
        '"namespace":"shop","pod":"web-0","msg":"This process leads Lease shop/web."}',
    );
    assert.equal(lines.length, 6);
  });

  test('winston receives one object, which it may change', async () => {
    const lines: string[] = [];
    await runElection(new ScriptedElector({ logger: winstonLike(lines) }));
    assert.equal(
      lines[0],
      '{"message":"This process leads Lease shop/web.","event":"elected","fencingToken":"11","resumed":false,' +
        '"leaseUid":"lease-1","lease":"web","namespace":"shop","pod":"web-0","level":"info"}',
    );
    assert.equal(lines.length, 6);
  });

  test('console prints each line as one line', async () => {
    const lines: string[] = [];
    const logger = consoleLike(lines);
    await runElection(new ScriptedElector({ logger, onElected: () => assert.fail('several\nlines') }));
    assert.equal(
      lines[0],
      "lease-elector: This process leads Lease shop/web. { event: 'elected', fencingToken: '11', resumed: false, " +
        "leaseUid: 'lease-1', lease: 'web', namespace: 'shop', pod: 'web-0' }",
    );
    assert.equal(lines.length, 7);
    for (const line of lines) assert.match(line, /^lease-elector: .*\}$/);
  });
});

/** Loggers that fail in different ways. */
const FAILING: Readonly<Record<string, () => Logger>> = {
  'throws at once': () => loggerOf(() => assert.fail('disk full')),
  'throws undefined': () =>
    loggerOf(() => {
      throw undefined;
    }),
  'returns a promise that rejects': () => loggerOf(() => Promise.reject(new Error('disk full'))),
  'returns a thenable that throws': () => loggerOf(() => Object.fromEntries([['then', () => assert.fail('no')]])),
  'changes its arguments': () => loggerOf((_, [fields]) => Reflect.deleteProperty(fields as object, 'event')),
  'loses its methods after the check': () => {
    let reads = 0;
    return new Proxy(
      loggerOf(() => 1),
      {
        get: (methods, name) => {
          reads += 1;
          return reads > LEVELS.length ? assert.fail('closed') : Reflect.get(methods, name);
        },
      },
    );
  },
  'has a bindings that throws': () =>
    Object.defineProperty(
      loggerOf(() => 1),
      'bindings',
      { get: () => assert.fail('no') },
    ),
};

describe('a logger changes nothing when it', () => {
  const unhandled: unknown[] = [];
  process.on('unhandledRejection', (reason) => unhandled.push(reason));

  for (const [how, make] of Object.entries(FAILING)) {
    test(how, async () => {
      const silent = new ScriptedElector();
      await runElection(silent);
      const scripted = new ScriptedElector({ logger: make() });
      await runElection(scripted);
      assert.deepEqual(scripted.journal, silent.journal);
      assert.deepEqual(scripted.world.calls, silent.world.calls);
      assert.ok(scripted.journal.includes('demoted: usurped'));
      assert.deepEqual(unhandled, []);
    });
  }

  test('stops the elector from within', async () => {
    const logger = loggerOf((_, [fields]) => {
      if ((fields as LogFields).event === 'leaderChanged') void scripted.elector.stop();
    });
    const scripted: ScriptedElector = new ScriptedElector({ logger });
    void scripted.elector.start();
    await promisesSettled();
    await scripted.shown(takenBy({ ...(await leaseOfAnother()) }, OTHER));
    await promisesSettled();
    assert.deepEqual(scripted.journal.at(-1), 'stopped');
  });
});

async function leaseOfAnother() {
  const leader = new ScriptedElector();
  await leader.lead();
  assert.ok(leader.lease);
  return leader.lease;
}
