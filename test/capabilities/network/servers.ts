/** Servers of the tests, on loopback: HTTP and HTTPS, raw TCP, DNS. Each counts who connected, and goes when the test file ends. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type Answer, decode, encode } from 'dns-packet';
import { afterAll } from 'vitest';

export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly server: Server;
  /** Connections so far. */
  readonly connections: number;
}

const closers: (() => unknown)[] = [];
afterAll(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Listens on loopback; what `server` is decides what it speaks. */
export async function listen(server: Server, address = '127.0.0.1', port = 0): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, address);
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port: found } = server.address() as AddressInfo;
  return {
    port: found,
    origin: `http://${address.includes(':') ? `[${address}]` : address}:${found}`,
    server,
    get connections() {
      return connections;
    },
  };
}

export const serve = (listener: RequestListener, address?: string, port?: number): Promise<TestServer> => listen(createHttpServer(listener), address, port);

/** A server that speaks to each connection as it likes. */
export const serveRaw = (speak: (socket: Socket) => void): Promise<TestServer> => listen(createTcpServer(speak));

export const textOf = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += chunk;
  return text;
};

export type { IncomingMessage, ServerResponse };

/** What a name server answers to the n-th question for a name and a type. */
export type Zone = (name: string, type: string, count: number) => readonly Answer[];

export interface NameServer {
  /** As the option `dnsServers` takes it. */
  readonly address: string;
  /** `A name`, in the order they came. */
  readonly questions: readonly string[];
}

export const a = (name: string, ...addresses: string[]): Answer[] => addresses.map((data) => ({ type: 'A', name, ttl: 0, data }));
export const aaaa = (name: string, ...addresses: string[]): Answer[] => addresses.map((data) => ({ type: 'AAAA', name, ttl: 0, data }));

export async function serveNames(zone: Zone): Promise<NameServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (packet, from) => {
    const { id, questions: asked = [] } = decode(packet);
    const [question] = asked;
    if (question === undefined) return;
    const line = `${question.type} ${question.name}`;
    const answers = zone(question.name, question.type, questions.filter((earlier) => earlier === line).length);
    questions.push(line);
    // 3 is NXDOMAIN.
    const flags = answers.length === 0 ? 3 : 0;
    socket.send(encode({ type: 'response', id: id ?? 0, flags: 0x0180 | flags, questions: asked, answers: [...answers] }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { address: `127.0.0.1:${socket.address().port}`, questions };
}
