/**
 * The channels of `node:diagnostics_channel` on which tracing and metrics can subscribe to every elector of the
 * process.
 *
 * Node.js calls a subscriber synchronously. If a subscriber throws, the election is not affected, and the error becomes
 * an uncaught exception of the process.
 */

import { type Channel, channel } from 'node:diagnostics_channel';

/** Receives an `ElectedMessage` when a process begins to lead. */
export const electedChannel: Channel = channel('lease-elector:elected');

/** Receives a `DemotedMessage` when a process stops leading. */
export const demotedChannel: Channel = channel('lease-elector:demoted');

/** Receives a `RequestMessage` when a request to the API server has ended. */
export const requestChannel: Channel = channel('lease-elector:request');
