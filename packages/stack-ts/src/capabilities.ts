/**
 * What this stack can do.
 *
 * @module
 */
import type { Capabilities, Limits } from '@ioth/core'
import { LIMITS } from './settings.ts'

export function capabilitiesWith(limits: Limits): Capabilities {
  return Object.freeze({
    ipv6: true,
    udp: 'full',
    halfClose: 'native',
    reset: 'native',
    connectCancel: true,
    refusedVisible: true,
    noDelay: true,
    sack: true,
    rackTlp: true,
    ecn: false,
    multicast: true,
    superSegments: true,
    ping: true,
    dhcp: true,
    links: 'frames',
    stacksPerThread: Number.POSITIVE_INFINITY,
    virtualTime: true,
    teardown: 'full',
    limits,
  })
}

export const CAPABILITIES: Capabilities = capabilitiesWith(LIMITS)
