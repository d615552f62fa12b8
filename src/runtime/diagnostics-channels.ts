/**
 * The channels of `node:diagnostics_channel` on which tracing and metrics can listen to every elector of the process.
 *
 * Node.js calls a subscriber at once. One that throws does not disturb the election: its error becomes an uncaught
 * exception of the process.
 */

import { type Channel, channel } from 'node:diagnostics_channel';

/** A process begins to lead: an `ElectedMessage`. */
export const electedChannel: Channel = channel('lease-elector:elected');

/** A process stops leading: a `DemotedMessage`. */
export const demotedChannel: Channel = channel('lease-elector:demoted');

/** A request to the API server has ended: a `RequestMessage`. */
export const requestChannel: Channel = channel('lease-elector:request');
