/**
 * `node:dgram` on a stack: not there yet, and never the host's instead.
 *
 * @module
 */
import type dgram from 'node:dgram'
import { NetError } from '@ioth/core'
import { type Binding, value } from './binding.ts'

export function boundDgram(binding: Binding): typeof dgram {
  const node = process.getBuiltinModule('node:dgram')
  function refuse(): never {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'createSocket', {
      message: `datagram sockets of stack "${binding.stack.name}" are not available as node:dgram yet: use openDatagram(stack, …) of @ioth/core`,
    })
  }
  const Socket = new Proxy(node.Socket, { construct: refuse, apply: refuse })
  return binding.module(node, { Socket: value(Socket), createSocket: value(refuse) })
}
