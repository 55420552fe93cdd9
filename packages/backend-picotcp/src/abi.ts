/**
 * Which picoTCP a file is, read from its symbols: the two generations take different arguments, and the wrong call ends the process.
 *
 * @module
 */
import { NetError } from '@ioth/core'
import type { LibrarySymbols } from './library-symbols.ts'

/** The library's kind. */
export interface Abi {
  /** `upstream`: tass-belgium's; `ng`: virtualsquare's picoTCP-NG; `ng-tickless`: the same, built to say when its next timer is due. */
  readonly generation: 'upstream' | 'ng' | 'ng-tickless'
  readonly hasIpv6: boolean
  /** IPv6 addresses can be added without the library's own duplicate address detection. */
  readonly addsWithoutProbe: boolean
  /** The library expects the random numbers of somebody else. */
  readonly needsRandom: boolean
}

/** What any picoTCP has that is of use here. */
export const NEEDED: readonly string[] = [
  'pico_err',
  'pico_stack_init',
  'pico_stack_tick',
  'pico_stack_recv',
  'pico_device_init',
  'pico_device_destroy',
  'pico_ipv4_link_add',
  'pico_ipv4_link_del',
  'pico_ipv4_link_get',
  'pico_ipv4_route_add',
  'pico_ipv4_route_del',
  'pico_socket_open',
  'pico_socket_bind',
  'pico_socket_listen',
  'pico_socket_accept',
  'pico_socket_connect',
  'pico_socket_read',
  'pico_socket_write',
  'pico_socket_sendto',
  'pico_socket_recvfrom',
  'pico_socket_getname',
  'pico_socket_setoption',
  'pico_socket_shutdown',
  'pico_socket_close',
]

const NEEDED_FOR_IPV6: readonly string[] = [
  'pico_ipv6_link_add',
  'pico_ipv6_link_del',
  'pico_ipv6_link_get',
  'pico_ipv6_link_istentative',
  'pico_ipv6_route_add',
  'pico_ipv6_route_del',
]

/** @throws NetError ERR_IOTH_BACKEND_UNUSABLE: it expects functions that nobody here has. */
export function abiOf({ path, defined, undefined: missing, callSlots }: LibrarySymbols): Abi {
  const foreign = [...missing].filter((name) => name.startsWith('pico_') && name !== 'pico_rand')
  if (foreign.length > 0)
    throw unusable(`${path} is not complete: it expects ${foreign.join(', ')} from another library`)
  const needsRandom = missing.has('pico_rand')
  if (needsRandom && !callSlots.has('pico_rand')) {
    throw unusable(
      `${path} expects pico_rand from its program; install a build that defines it, or one linked without -z now`,
    )
  }
  const isNg = defined.has('pico_stack_deinit')
  return {
    generation: isNg ? (defined.has('pico_stack_go') ? 'ng-tickless' : 'ng') : 'upstream',
    hasIpv6: NEEDED_FOR_IPV6.every((name) => defined.has(name)),
    addsWithoutProbe: defined.has('pico_ipv6_link_add_no_dad'),
    needsRandom,
  }
}

function unusable(message: string): NetError {
  return new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'picotcp', { message })
}
