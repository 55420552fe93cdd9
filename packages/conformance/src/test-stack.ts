/**
 * The suite as one function: a backend's test file calls it and is a dozen lines.
 *
 * @module
 */
import { describe } from 'vitest'
import { type Registrar, type Subject, Suite } from './suite.ts'
import { addressing } from './suites/addressing.ts'
import { alone } from './suites/alone.ts'
import { arp } from './suites/arp.ts'
import { backpressure } from './suites/backpressure.ts'
import { capabilities } from './suites/capabilities.ts'
import { counters } from './suites/counters.ts'
import { dhcp } from './suites/dhcp.ts'
import { dualStack } from './suites/dual-stack.ts'
import { hostile } from './suites/hostile.ts'
import { hostileCampaigns } from './suites/hostile-campaigns.ts'
import { hostileFloods } from './suites/hostile-floods.ts'
import { hostileTcp } from './suites/hostile-tcp.ts'
import { icmp4 } from './suites/icmp4.ts'
import { icmpv6 } from './suites/icmpv6.ts'
import { ip4 } from './suites/ip4.ts'
import { ipv6 } from './suites/ipv6.ts'
import { lifecycle } from './suites/lifecycle.ts'
import { listenerDiscovery } from './suites/mld.ts'
import { multicast } from './suites/multicast.ts'
import { names } from './suites/names.ts'
import { neighborDiscovery } from './suites/nd.ts'
import { ping } from './suites/ping.ts'
import { readiness } from './suites/readiness.ts'
import { resources } from './suites/resources.ts'
import { autoconfiguration } from './suites/slaac.ts'
import { sntp } from './suites/sntp.ts'
import { socketModel } from './suites/socket-model.ts'
import { tcpClose } from './suites/tcp-close.ts'
import { tcpConnect } from './suites/tcp-connect.ts'
import { tcpErrors } from './suites/tcp-errors.ts'
import { tcpOptions } from './suites/tcp-options.ts'
import { tcpRecovery } from './suites/tcp-recovery.ts'
import { tcpSegments } from './suites/tcp-segments.ts'
import { tcpStream } from './suites/tcp-stream.ts'
import { tcpWindows } from './suites/tcp-windows.ts'
import { traceroute } from './suites/traceroute.ts'
import { turns } from './suites/turns.ts'
import { udp } from './suites/udp.ts'
import { describeWhereUsable } from './where-usable.ts'

/** All suites, by what they are about. */
export const SUITES: Readonly<Record<string, (suite: Suite) => void>> = {
  lifecycle,
  capabilities,
  addressing,
  'one host alone': alone,
  'TCP: connections': tcpConnect,
  'TCP: streams': tcpStream,
  'TCP: the end': tcpClose,
  'TCP: errors': tcpErrors,
  'TCP: segments': tcpSegments,
  'TCP: windows': tcpWindows,
  'TCP: options': tcpOptions,
  'TCP: recovery': tcpRecovery,
  backpressure,
  readiness,
  UDP: udp,
  IPv6: ipv6,
  ICMPv6: icmpv6,
  'both families': dualStack,
  DHCP: dhcp,
  'multicast and broadcast': multicast,
  IPv4: ip4,
  ICMP: icmp4,
  counters,
  names,
  traceroute,
  'the time of day': sntp,
  ping,
  'neighbour discovery': neighborDiscovery,
  autoconfiguration,
  'listener discovery': listenerDiscovery,
  ARP: arp,
  'socket model': socketModel,
  'time and turns': turns,
  resources,
  'hostile frames': hostile,
  'hostile campaigns': hostileCampaigns,
  'hostile segments': hostileTcp,
  floods: hostileFloods,
}

/** Suites that hold for either family. */
const OVER_IPV6: readonly string[] = [
  'TCP: connections',
  'TCP: streams',
  'TCP: the end',
  'TCP: errors',
  'backpressure',
  'readiness',
  'ping',
]

/**
 * Registers the whole suite for a backend (or a pair of backends) with vitest. A backend that is not usable here is a visible skip with
 * its reason, and a failure when `IOTH_REQUIRE_BACKENDS` names it.
 */
export function testStack(subject: Subject): void {
  const { name, backend, peer = backend } = subject
  describeWhereUsable(name, [backend, peer], () => {
    const suite = new Suite(subject)
    // A choice of tests leaves groups empty, which vitest takes for a mistake.
    const group = (title: string, body: () => void): void => {
      if (subject.tests === undefined) describe(title, body)
      else body()
    }
    registerSuites(suite, group)
    if (subject.suites === undefined) suite.checkDeviations()
  })
}

/** @internal the names of all tests that {@link testStack} has for a backend. */
export function namesOfAllTests({ name, backend, peer }: Subject): readonly string[] {
  const nobody: Registrar = { test: () => {}, fails: () => {}, skip: () => {} }
  const suite = new Suite({ name, backend, ...(peer === undefined ? {} : { peer }) }, nobody)
  registerSuites(suite, (_, body) => body())
  return suite.names
}

function registerSuites(suite: Suite, group: (title: string, body: () => void) => void): void {
  const { suites } = suite.subject
  for (const [name, register] of Object.entries(SUITES)) {
    if (suites?.includes(name) === false) continue
    group(name, () => register(suite))
    if (suite.families.includes(6) && OVER_IPV6.includes(name)) {
      group(`${name} over IPv6`, () => register(suite.overIpv6()))
    }
  }
}
