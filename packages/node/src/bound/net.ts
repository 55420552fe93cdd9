/**
 * `node:net` on a stack. Unix-domain sockets and inherited descriptors stay the host's.
 *
 * @module
 */
import type net from 'node:net'
import { type Binding, value } from './binding.ts'

export function boundNet(binding: Binding): typeof net {
  const node = process.getBuiltinModule('node:net')
  // Node 24 and later.
  const { BoundSocket } = node as { BoundSocket?: abstract new () => object }
  const Server = binding.class(node.Server)
  const Socket = binding.class(node.Socket)
  const connect = value(binding.maker(node.connect))
  return binding.module(node, {
    Server: value(Server),
    Socket: value(Socket),
    Stream: value(Socket),
    connect,
    createConnection: connect,
    createServer: value((...args: ConstructorParameters<typeof net.Server>) => new Server(...args)),
    ...(BoundSocket !== undefined && { BoundSocket: value(binding.class(BoundSocket)) }),
  })
}
