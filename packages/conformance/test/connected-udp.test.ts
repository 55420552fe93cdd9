/** Names on stacks whose datagram sockets can only speak to one peer: libraries in C are such. */
import { type Backend, type Capabilities, NetError, type Stack } from '@ioth/core'
import { backend } from '@ioth/stack-ts'
import { testStack } from '../src/index.ts'

const capabilities: Capabilities = Object.freeze({ ...backend.capabilities, udp: 'connected' })

const connectedOnly: Backend = {
  ...backend,
  capabilities,
  async createStack(options) {
    const stack: Stack = Object.defineProperty(await backend.createStack(options), 'capabilities', {
      value: capabilities,
    })
    const open = stack.openUdp.bind(stack)
    stack.openUdp = (family) => {
      const socket = open(family)
      const send = socket.send.bind(socket)
      socket.send = (from, offset, length, to, port) => {
        if (to !== null) throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'send')
        return send(from, offset, length, to, port)
      }
      return socket
    }
    return stack
  },
}

testStack({ name: 'names over connected UDP', backend: connectedOnly, peer: backend, suites: ['names'] })
