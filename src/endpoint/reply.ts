/**
 * Puts an answer on the wire byte for byte as Go's `net/http` does, since that is what the sidecar is written with.
 *
 * Go sends the fields of the program sorted by name, then `Date`, `Content-Length` and `Connection: close`;
 * it says nothing where a connection stays open, and answers HTTP/1.0 with HTTP/1.0 (`server.go`, `writeHeader`; `kubectl
 * proxy` is such a server, and was compared). One difference is left: a connection of HTTP/1.0 is never kept open.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';

/** An answer, but for what concerns its connection. */
export interface Reply {
  readonly status: number;
  /** Names and values, sorted by name. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** What is being answered, and when. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wallMs: number;
  /** The rest of the request's body will not be read, so the connection cannot be used again. */
  readonly bodyUnread: boolean;
}

/** Sends a whole answer. */
export function sendReply(exchange: Exchange, reply: Reply): void {
  const { request, bodyUnread } = exchange;
  const body = Buffer.from(reply.body);
  const out = begin(exchange, reply, body.length);
  out.end(request.method === 'HEAD' ? undefined : body);
  // With a body on its way the client would be told "reset" in place of the answer: it has to see the end first.
  if (out === request.socket && !bodyUnread) request.socket.destroySoon();
}

/** Sends the head of an answer without end; the rest is for the caller to write. */
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
  // Node.js cannot answer with HTTP/1.0, nor end only its own half of a connection: these answers go past it,
  // unless (no socket yet) there are answers before them that it has to send first.
  if ((isHttp10 || bodyUnread) && response.socket !== null) {
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
    request.socket.write(`HTTP/${request.httpVersion} ${statusOf(reply.status)}\r\n${lines.join('')}\r\n`);
    return request.socket;
  }
  response.sendDate = false;
  // Else Node.js adds `Connection: keep-alive` and `Keep-Alive`.
  response.removeHeader('Connection');
  return response.writeHead(reply.status, fields.flat());
}

function statusOf(status: number): string {
  return `${status} ${process.getBuiltinModule('node:http').STATUS_CODES[status]}`;
}
