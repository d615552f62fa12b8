/**
 * A program that carries TCP connections on to a Unix socket: run in a network namespace, it brings the API server of a
 * test into it. A Unix socket with a path belongs to no network namespace.
 *
 * Arguments: the address and the port to listen on, and the path of the socket.
 */

import { createServer, connect as openSocket } from 'node:net';

const [host = '', port = '', path = ''] = process.argv.slice(2);

const server = createServer((socket) => {
  const onward = openSocket(path);
  for (const [from, to] of [
    [socket, onward],
    [onward, socket],
  ] as const) {
    from.on('error', () => to.destroy());
    from.pipe(to);
  }
});
server.listen(Number(port), host, () => process.stdout.write('listens\n'));
// The test is gone: so is this.
process.stdin.on('close', () => process.exit(0)).resume();
