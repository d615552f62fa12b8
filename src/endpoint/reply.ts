/**
 * Writes an answer byte for byte as Go's `net/http` does, because the sidecar is written in Go.
 *
 * Go sends the fields of the program sorted by name, then `Date`, `Content-Length` and `Connection: close`. If the
 * connection stays open, it sends no field `Connection`. It answers HTTP/1.0 with HTTP/1.0 (`server.go`, `writeHeader`;
 * compared with `kubectl proxy`, which uses `net/http`). One difference remains: a connection of HTTP/1.0 is never kept
 * open.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';

/** An answer, without the fields that concern its connection. */
export interface Reply {
  readonly status: number;
  /** Names and values, sorted by name. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** The request that is answered, and the time. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wallMs: number;
  /** Whether the rest of the request's body stays unread, so that the connection cannot be used again. */
  readonly bodyUnread: boolean;
}

/** Sends a complete answer. */
export function sendReply(exchange: Exchange, reply: Reply): void {
  const { request, bodyUnread } = exchange;
  const body = Buffer.from(reply.body);
  const out = begin(exchange, reply, body.length);
  out.end(request.method === 'HEAD' ? undefined : body);
  // If the body is still being sent, closing now would reset the connection, and the client would not receive the
  // answer.
  if (out === request.socket && !bodyUnread) request.socket.destroySoon();
}

/** Sends the head of an endless answer. The caller writes the rest. */
export function sendStreamHead(exchange: Exchange, fields: Reply['fields']): Writable {
  return begin(exchange, { status: 200, fields }, null);
}

function begin(exchange: Exchange, reply: Pick<Reply, 'status' | 'fields'>, length: number | null): Writable {
  const { request, response, wallMs, bodyUnread } = exchange;
  const isHttp10 = request.httpVersion === '1.0';
  const closing = isHttp10 || bodyUnread || !response.shouldKeepAlive;
  const fields = reply.fields.filter(([name]) => name !== 'Connection' || !closing);
  fields.push(['Date', new Date(wallMs).toUTCString()]);
  if (length !== null) fields.push(['Content-Length', String(length)]);
  if (closing && !isHttp10) fields.push(['Connection', 'close']);
  // Node.js cannot answer with HTTP/1.0, and cannot end only its own half of a connection. These answers are therefore
  // written to the socket, unless earlier answers must be sent first. In that case there is no socket yet.
  if ((isHttp10 || bodyUnread) && response.socket !== null) {
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
    request.socket.write(`HTTP/${request.httpVersion} ${statusOf(reply.status)}\r\n${lines.join('')}\r\n`);
    return request.socket;
  }
  // Otherwise Node.js adds `Connection: keep-alive` and `Keep-Alive`.
  response.removeHeader('Connection');
  return response.writeHead(reply.status, fields.flat());
}

function statusOf(status: number): string {
  return `${status} ${process.getBuiltinModule('node:http').STATUS_CODES[status]}`;
}
