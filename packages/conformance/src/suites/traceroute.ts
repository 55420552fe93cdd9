/**
 * The way to a destination, hop by hop, through routers that a test plays.
 *
 * @module
 */
import { parseIpAddress, type Route } from '@ioth/core'
import { dhcp, type TracerouteHop, type TracerouteOptions, traceroute as trace } from '@ioth/core/services'
import { expect } from 'vitest'
import { FrameChecker } from '../checker/frame-checker.ts'
import { craftArp, craftEthernet, craftIcmp } from '../craft/craft.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

const MAC = [2, 0x54, 0, 0, 0, 1]
const GATEWAY = '10.0.0.254'
const FAR = '192.0.2.9'
const ECHO = 8
const ECHO_REPLY = 0
const UNREACHABLE = 3
const TIME_EXCEEDED = 11

/** What answers a ping of each time to live: a router (by its address), the destination, a router that knows no further, or nobody. */
type Way = readonly (string | 'there' | 'no further' | 'silence')[]

/** A gateway, and the routers behind it, the last entry of the way being all that is further. */
function play({ lan, a }: Scene, way: Way): void {
  const checker = new FrameChecker()
  const octets = (address: string): number[] => address.split('.').map(Number)
  const tap = lan.tap((frame) => {
    const { ethernet, arp, ip, icmp } = checker.check(frame)
    if (ethernet === null) return
    const back = { source: MAC, destination: Array.from(frame.subarray(6, 12)) }
    if (arp !== null && arp.operation === 'request' && arp.targetAddress === GATEWAY) {
      const reply = craftArp({
        operation: 2,
        senderMac: MAC,
        senderAddress: octets(GATEWAY),
        targetMac: back.destination,
        targetAddress: octets(arp.senderAddress),
      })
      tap.send(craftEthernet({ ...back, type: 0x806 }, reply))
    }
    if (ip === null || icmp === null || ip.destination !== FAR || icmp.type !== ECHO) return
    const packet = frame.subarray(14)
    const what = way[Math.min(packet[8] as number, way.length) - 1] as string
    const say = (from: string, type: number, code: number, rest: readonly number[], body: Uint8Array): void => {
      const message = craftIcmp({ source: octets(from), destination: octets(ip.source) }, { type, code, rest }, body)
      tap.send(craftEthernet(back, message))
    }
    const quoted = packet.subarray(0, 28)
    if (what === 'there') say(FAR, ECHO_REPLY, 0, Array.from(packet.subarray(24, 28)), packet.subarray(28))
    else if (what === 'no further') say(GATEWAY, UNREACHABLE, 1, [0, 0, 0, 0], quoted)
    else if (what !== 'silence') say(what, TIME_EXCEEDED, 0, [0, 0, 0, 0], quoted)
  })
  const on = a.stack.interfaces[0] as Route['interface']
  const network = { destination: parseIpAddress('0.0.0.0'), prefixLength: 0 }
  a.stack.routes.add({ ...network, via: parseIpAddress(GATEWAY), interface: on })
}

async function collect(scene: Scene, options: TracerouteOptions = {}): Promise<string[]> {
  const hops: TracerouteHop[] = []
  const tracing = (async () => {
    for await (const hop of trace(scene.a.stack, FAR, { probes: 2, timeoutMs: 1000, ...options })) hops.push(hop)
  })()
  await scene.lan.settled(tracing)
  return hops.map(({ ttl, probes }) => `${ttl} ${probes.map(({ from, kind }) => `${from ?? '*'} ${kind}`).join(', ')}`)
}

export function traceroute(suite: Suite): void {
  suite.test('what a backend lacks is refused by name', async ({ lan, a }) => {
    const plug = a.stack.interfaces[0] as Route['interface']
    if (!suite.capabilities.dhcp) await expectRejection(lan.settled(dhcp(plug)), 'ERR_IOTH_NOT_IMPLEMENTED')
    if (suite.capabilities.ping) return
    await expectRejection(lan.settled(trace(a.stack, FAR).next()), 'ERR_IOTH_NOT_IMPLEMENTED')
  })
  if (!suite.capabilities.ping) return

  suite.test('traceroute: each router, silence in between, the destination at the end', async (scene) => {
    play(scene, [GATEWAY, 'silence', '10.9.0.1', 'there'])
    expect(await collect(scene)).toEqual([
      `1 ${GATEWAY} time-exceeded, ${GATEWAY} time-exceeded`,
      '2 * silence, * silence',
      '3 10.9.0.1 time-exceeded, 10.9.0.1 time-exceeded',
      `4 ${FAR} reply, ${FAR} reply`,
    ])
  })

  suite.test('traceroute: ends where a router knows no further, and at the most hops', async (scene) => {
    play(scene, ['10.9.0.1', 'no further'])
    expect(await collect(scene, { probes: 1 })).toEqual(['1 10.9.0.1 time-exceeded', `2 ${GATEWAY} unreachable`])
    expect(await collect(scene, { probes: 1, maxHops: 1 })).toEqual(['1 10.9.0.1 time-exceeded'])
  })

  suite.test('traceroute: no route, a wrong option, given up', async (scene) => {
    const { lan, a } = scene
    await expectRejection(lan.settled(trace(a.stack, FAR).next()), 'ENETUNREACH')
    await expectRejection(lan.settled(trace(a.stack, FAR, { maxHops: 0 }).next()), 'EINVAL')
    play(scene, ['silence'])
    const controller = new AbortController()
    const waiting = trace(a.stack, FAR, { signal: controller.signal }).next()
    await lan.wait(100)
    controller.abort()
    await expectRejection(lan.settled(waiting), 'ABORT_ERR')
  })
}
