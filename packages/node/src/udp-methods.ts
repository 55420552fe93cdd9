/**
 * Datagram sockets on a stack are not there yet: their first use says so, and never falls to the host's network.
 *
 * @module
 */
import { NetError } from '@ioth/core'
import type { Choices } from './choices.ts'
import type { Methods } from './native.ts'

const FIRST_CALLS = ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']

export function refuseDatagrams(prototype: Methods, owner: symbol, choices: Choices): void {
  for (const name of FIRST_CALLS) {
    const native = prototype[name] as (this: object, ...args: unknown[]) => unknown
    const method = {
      [name](this: { fd?: number; [owner: symbol]: unknown }, ...args: unknown[]): unknown {
        if ((this.fd ?? -1) < 0 && choices.forOwner(this[owner] as object) !== null)
          throw refusal(name.replace('6', ''))
        return native.apply(this, args)
      },
    }[name]
    Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true, enumerable: true })
  }
}

export function refusal(syscall: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', syscall, {
    message: `${syscall}: datagram sockets of a stack are not available as node:dgram yet; openDatagram(stack, …) of @ioth/core is`,
  })
}
