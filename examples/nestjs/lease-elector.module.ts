/**
 * The module for NestJS 11: `LeaseElectorModule.forRoot(options)`, and `@LeaderOnly()` beside `@Cron` of @nestjs/schedule.
 */

import 'reflect-metadata';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { LeaseElector, type LeaseElectorOptions, type Term } from 'lease-elector';

const ELECTOR = Symbol('the elector of this object');
const logger = new Logger(LeaseElector.name);

type Job = (term: Term) => Promise<void>;

/**
 * The method runs only while this process leads. It receives the term; a failure is written to the log.
 *
 * The order beside `@Cron` does not matter.
 */
export function LeaderOnly() {
  return <Method extends Job>(target: object, _name: string, descriptor: TypedPropertyDescriptor<Method>): void => {
    const job = descriptor.value;
    if (job === undefined) throw new TypeError('@LeaderOnly() decorates a method');
    Inject(LeaseElector)(target, ELECTOR);
    const guarded = new WeakMap<object, () => Promise<void>>();
    const run = function (this: Record<symbol, LeaseElector>): Promise<void> {
      const onError = (error: unknown) => logger.error(error);
      const made = guarded.get(this) ?? this[ELECTOR]?.leaderOnly((term) => job.call(this, term), { onError });
      if (made === undefined) throw new Error('Import LeaseElectorModule.forRoot() in the module of this provider.');
      guarded.set(this, made);
      return made();
    };
    // Copies what the decorators below this one have stored, such as the schedule of `@Cron`.
    for (const key of Reflect.getMetadataKeys(job)) Reflect.defineMetadata(key, Reflect.getMetadata(key, job), run);
    descriptor.value = run as unknown as Method;
  };
}

/** Starts the elector with the application, and stops it before the application closes. */
@Module({})
export class LeaseElectorModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #elector: LeaseElector;

  constructor(@Inject(LeaseElector) elector: LeaseElector) {
    this.#elector = elector;
    elector.on('error', (error) => logger.error(error));
    elector.on('warning', ({ message }) => logger.warn(message));
  }

  static forRoot(options: LeaseElectorOptions = {}): DynamicModule {
    const provider = { provide: LeaseElector, useFactory: () => new LeaseElector(options) };
    return { module: LeaseElectorModule, global: true, providers: [provider], exports: [LeaseElector] };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#elector.start();
  }

  /** Waits for the running job, then gives the Lease up. Needs `app.enableShutdownHooks()`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#elector.stop();
  }
}
