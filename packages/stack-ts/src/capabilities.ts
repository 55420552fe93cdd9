/**
 * What this stack can do.
 *
 * @module
 */
import type { Capabilities, Limits } from '@ioth/core'
import { LIMITS } from './settings.ts'

/** @param sack whether the stack is set to use SACK; losses are told by time with it only. */
export function capabilitiesWith(limits: Limits, sack = true): Capabilities {
  return Object.freeze({
    ipv6: true,
    udp: 'full',
    halfClose: 'native',
    reset: 'native',
    connectCancel: true,
    refusedVisible: true,
    noDelay: true,
    sack,
    rackTlp: sack,
    ecn: false,
    multicast: true,
    superSegments: true,
    ping: true,
    dhcp: true,
    slaac: true,
    links: 'frames',
    stacksPerThread: Number.POSITIVE_INFINITY,
    virtualTime: true,
    teardown: 'full',
    limits,
  })
}

export const CAPABILITIES: Capabilities = capabilitiesWith(LIMITS)
