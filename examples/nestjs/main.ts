/**
 * An application of NestJS 11 whose jobs run in one Pod only.
 */

import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import type { Term } from 'lease-elector';
import { LeaderOnly, LeaseElectorModule } from './lease-elector.module.ts';

const SCHEDULE = process.env['SCHEDULE'] ?? '0 2 * * *';

@Injectable()
class Jobs {
  @Cron(SCHEDULE)
  @LeaderOnly()
  async report(term: Term): Promise<void> {
    console.log(`report written in term ${term.fencingToken}`);
  }

  @LeaderOnly()
  @Cron(SCHEDULE)
  async cleanUp(): Promise<void> {
    throw new Error('nothing to clean up');
  }
}

@Module({
  imports: [ScheduleModule.forRoot(), LeaseElectorModule.forRoot({ lease: 'nestjs-jobs' })],
  providers: [Jobs],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
