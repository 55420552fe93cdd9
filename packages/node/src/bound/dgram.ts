/**
 * `node:dgram` on a stack: not there yet, and never the host's instead.
 *
 * @module
 */
import type dgram from 'node:dgram'
import { refusal } from '../udp-methods.ts'
import { type Binding, value } from './binding.ts'

export function boundDgram(binding: Binding): typeof dgram {
  const node = process.getBuiltinModule('node:dgram')
  function refuse(): never {
    throw refusal('createSocket')
  }
  const Socket = new Proxy(node.Socket, { construct: refuse, apply: refuse })
  return binding.module(node, { Socket: value(Socket), createSocket: value(refuse) })
}
