/**
 * A program that forwards TCP connections to a Unix socket. In a network namespace, it makes the API server of a test
 * reachable. A Unix socket with a path belongs to no network namespace.
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
// The test has ended, so this process ends as well.
process.stdin.on('close', () => process.exit(0)).resume();
