/**
 * `node:tls` on a stack.
 *
 * @module
 */
import type tls from 'node:tls'
import { type Binding, value } from './binding.ts'

export function boundTls(binding: Binding): typeof tls {
  const node = process.getBuiltinModule('node:tls')
  const Server = binding.class(node.Server)
  return binding.module(node, {
    Server: value(Server),
    TLSSocket: value(binding.class(node.TLSSocket)),
    connect: value(binding.maker(node.connect)),
    createServer: value((...args: ConstructorParameters<typeof tls.Server>) => new Server(...args)),
  })
}
