/**
 * `node:dgram` on a stack.
 *
 * @module
 */
import type dgram from 'node:dgram'
import { type Binding, value } from './binding.ts'

export function boundDgram(binding: Binding): typeof dgram {
  const node = process.getBuiltinModule('node:dgram')
  const Socket = binding.class(node.Socket)
  const make = Socket as unknown as new (...args: Parameters<typeof node.createSocket>) => dgram.Socket
  return binding.module(node, {
    Socket: value(Socket),
    createSocket: value((...args: Parameters<typeof node.createSocket>) => new make(...args)),
  })
}
