/**
 * The real programs, each at the newest version that runs on the Node under test. A server and a client are two processes: on the host's
 * loopback, and two nodes of one switch.
 */
import { postgres, redis } from './databases/services.mjs'
import { nextStart, vitestRun } from './heavy.mjs'

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {number} [port] where its server listens as a node
 * @property {number} [hostPort] the same on the host, for servers that cannot take any free one
 * @property {string} [server] a script of this folder: `server PORT [ADDRESS]`, prints `ready PORT`
 * @property {string[]} [node] options of Node for it
 * @property {(node: string, port: number, address?: string) => Promise<string[]>} [words] a server that is started by other words
 * @property {RegExp} [ready] what that one prints
 * @property {() => Promise<Service>} [service] something real that is no Node program, on the host's loopback; a node reaches it by `--host`
 * @property {string} [client] a script of this folder: `client ADDRESS PORT`
 * @property {(node: string, major: number) => Promise<string[]>} [alone] the words of a program that needs no other
 * @property {RegExp} [promised] the lines it promises, in any order; the others tell of times
 * @property {boolean} [heavy] left to `npm run compat:programs`
 */

/** @type {readonly Program[]} */
export const programs = [
  { name: 'express, axios', port: 80, server: 'frameworks/express.mjs', client: 'clients/axios.mjs' },
  { name: 'fastify, undici', port: 80, server: 'frameworks/fastify.mjs', client: 'clients/undici.mjs' },
  { name: 'koa, got', port: 80, server: 'frameworks/koa.mjs', client: 'clients/got.mjs' },
  { name: 'hono, node-fetch', port: 80, server: 'frameworks/hono.mjs', client: 'clients/node-fetch.mjs' },
  { name: 'tsx, fetch', port: 80, server: 'typescript/server.ts', client: 'clients/fetch.mjs', node: ['--import=tsx'] },
  { name: 'ws', port: 80, server: 'sockets/ws-server.mjs', client: 'sockets/ws-client.mjs' },
  { name: 'socket.io', port: 80, server: 'sockets/socket.io-server.mjs', client: 'sockets/socket.io-client.mjs' },
  { name: 'http-proxy', port: 80, server: 'proxy/server.mjs', client: 'proxy/client.mjs' },
  { name: 'aedes, mqtt', port: 1883, server: 'mqtt/server.mjs', client: 'mqtt/client.mjs' },
  { name: '@grpc/grpc-js', port: 50_051, server: 'grpc/server.mjs', client: 'grpc/client.mjs' },
  { name: 'smtp-server, nodemailer', port: 25, server: 'mail/smtp-server.mjs', client: 'mail/smtp-client.mjs' },
  { name: 'hoodiecrow-imap, imapflow', port: 143, server: 'mail/imap-server.mjs', client: 'mail/imap-client.mjs' },
  { name: 'POP3, node-pop3', port: 110, server: 'mail/pop3-server.mjs', client: 'mail/pop3-client.mjs' },
  { name: 'dns2, node:dns', port: 53, server: 'names/dns2.mjs', client: 'names/client.mjs' },
  { name: 'dnsd, node:dns', port: 53, hostPort: 10_053, server: 'names/dnsd.mjs', client: 'names/client.mjs' },
  {
    name: 'multicast-dns',
    port: 5353,
    hostPort: 5353,
    server: 'names/mdns-server.mjs',
    client: 'names/mdns-client.mjs',
  },
  { name: 'express in a cluster', port: 80, server: 'cluster/server.mjs', client: 'cluster/client.mjs' },
  { name: 'ssh2', port: 22, server: 'ssh/server.mjs', client: 'ssh/client.mjs', heavy: true },
  { name: 'pg, PostgreSQL', service: postgres, client: 'databases/pg-client.mjs', heavy: true },
  { name: 'ioredis, redis-server', service: redis, client: 'databases/redis-client.mjs', heavy: true },
  {
    name: 'next start, fetch',
    port: 80,
    hostPort: 13_080,
    words: nextStart,
    ready: /Ready in/,
    client: 'next/client.mjs',
    heavy: true,
  },
  { name: 'vitest', alone: vitestRun, promised: /^ *(✓|×|Test Files|Tests)/, heavy: true },
]
