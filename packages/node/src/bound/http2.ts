/**
 * `node:http2` on a stack: sessions that connect, and servers. Sessions over a socket of the program's are where that socket is.
 *
 * @module
 */
import type http2 from 'node:http2'
import { type Binding, value } from './binding.ts'

type Connect = (authority: string, options?: object | (() => void), listener?: () => void) => http2.ClientHttp2Session

export function boundHttp2(binding: Binding): typeof http2 {
  const node = process.getBuiltinModule('node:http2')
  const connectOnStack = binding.maker(node.connect as Connect)
  const connect: Connect = (authority, options, listener) => {
    // The program's own function makes its own choice.
    const isOwn = typeof (options as { createConnection?: unknown } | undefined)?.createConnection === 'function'
    return (isOwn ? (node.connect as Connect) : connectOnStack)(authority, options, listener)
  }
  return binding.module(node, {
    connect: value(connect),
    createServer: value(binding.factory(node.createServer)),
    createSecureServer: value(binding.factory(node.createSecureServer)),
  })
}
