/**
 * IPv6 between a stack and Linux: neighbours, ping, fragments, the path MTU.
 *
 * @module
 */
import { openDatagram, parseIpAddress } from '@ioth/core'
import { connect } from '@ioth/core/node'
import { expect } from 'vitest'
import type { Plan } from './kernel-program.ts'
import { carryOut, digest, octets } from './plan.mjs'
import { describeKernel, kernelTest, type SceneOptions } from './scene.ts'

const KERNEL = parseIpAddress('fd66::1')
const STACK = 'fd66::2'
const ROUTER = 'fd66::1'
const FAR = 'fd77::2'
const NARROW = 1300
const ROUTED: SceneOptions = { options: { gateways: [ROUTER] } }

describeKernel('IPv6 with Linux', () => {
  for (const size of [0, 56, 1452, 1453, 65_000]) {
    kernelTest(`R-ICMP6-04 R-IP6-05 R-IP6-06 ping of ${size} octets, both ways`, {}, async ({ kernel, stack }) => {
      expect((await stack.ping(KERNEL, { size, timeoutMs: 5000 })).size).toBe(size)
      const { output } = await kernel.namespace.exec('ping', '-n', '-c', '2', '-i', '0.1', '-s', String(size), STACK)
      expect(output).toMatch(/2 packets transmitted, 2 received/)
      expect(output).not.toMatch(/wrong data|truncated/)
    })
  }

  kernelTest('R-ICMP6-04 the link-local address answers, and a ping to all nodes', {}, async ({ kernel, stack }) => {
    const local = stack.interfaces[0]?.addresses.find(({ address }) => address.isLinkLocal)?.address
    const bare = `${local}`.split('%')[0]
    const here = await kernel.namespace.exec('ping', '-n', '-c', '1', '-W', '2', `${bare}%${kernel.device}`)
    expect(here.output).toMatch(/1 received/)
    const all = await kernel.namespace.exec('ping', '-n', '-c', '1', '-W', '2', '-L', `ff02::1%${kernel.device}`)
    expect(all.output).toContain(`from ${bare}`)
  })

  kernelTest(
    'R-ND-03 R-ND-04 reachable while it answers, and nobody is EHOSTUNREACH',
    {},
    async ({ kernel, stack }) => {
      await stack.ping(KERNEL)
      expect(kernel.namespace.run(`ip -6 neigh show ${STACK}`)).toMatch(/lladdr/)
      await expect(stack.ping(parseIpAddress('fd66::77'), { timeoutMs: 10_000 })).rejects.toMatchObject({
        code: 'EHOSTUNREACH',
      })
    },
  )

  kernelTest('R-ND-06 an address that Linux has is refused', {}, async ({ stack }) => {
    await expect(stack.interfaces[0]?.addAddress(KERNEL, 64)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await stack.ping(KERNEL)
  })

  kernelTest('R-ND-06 a stack that comes with another MAC is reached at once', {}, async (scene) => {
    const { kernel } = scene
    const macOf = (): string | undefined => /lladdr (\S+)/.exec(kernel.namespace.run(`ip -6 neigh show ${STACK}`))?.[1]
    const ping = ['ping', '-n', '-c', '1', '-W', '2', STACK]
    expect((await kernel.namespace.exec(...ping)).code).toBe(0)
    expect(macOf()).toBe(scene.stack.interfaces[0]?.mac)
    await scene.replug()
    const { code } = await kernel.namespace.exec(...ping)
    expect(code).toBe(0)
    expect(macOf()).toBe(scene.stack.interfaces[0]?.mac)
  })

  kernelTest('R-UDP-02 R-UDP-04 R-ICMP6-01 datagrams, and a closed port, either way', {}, async ({ kernel, stack }) => {
    await kernel.program.ask('echo', { host: '::', port: 7 })
    await using ours = openDatagram(stack, { host: '::' })
    for (const length of [0, 1, 1452, 1453, 60_000]) {
      await ours.send(new Uint8Array(length), { host: `${KERNEL}`, port: 7 })
      expect((await ours.receive({ timeoutMs: 5000 })).data.length).toBe(length)
    }
    ours.connect({ host: `${KERNEL}`, port: 9 })
    await ours.send(new Uint8Array(1))
    await expect(ours.receive({ timeoutMs: 5000 })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const refused = await kernel.program.ask('send', { host: STACK, port: 9, lengths: [1], answers: 1 })
    expect(refused).toMatchObject({ error: 'ECONNREFUSED' })
  })

  kernelTest('R-ND-10 reports of the groups we are in reach Linux', {}, async ({ captured }) => {
    // A router's question, as Linux asks it, needs a multicast router there; what we say unasked is on the wire.
    const reports = captured.filter(({ direction, octets: frame }) => direction === 'out' && isListenerReport(frame))
    expect(reports.length).toBeGreaterThan(0)
  })

  kernelTest('R-IP6-09 R-TCP-49 the path MTU by way of a router', ROUTED, async ({ kernel, stack, captured }) => {
    const { program, namespace } = await kernel.addHostBehind(['fd77::1/64'], [`${FAR}/64`], NARROW)
    const ours: Plan = { send: 1_000_000, seed: 3, finish: 'first' }
    const theirs: Plan = { send: 500_000, seed: 5, finish: 'after-peer' }
    await program.listen(FAR, 80, theirs)
    const outcome = await carryOut(connect(stack, { host: FAR, port: 80, allowHalfOpen: true }), ours)
    expect(outcome).toMatchObject({
      received: theirs.send,
      digest: digest(octets(theirs.send, theirs.seed)),
      ended: true,
    })
    expect(await program.served()).toMatchObject({ received: ours.send, digest: digest(octets(ours.send, ours.seed)) })
    const tooLong = captured.filter(({ direction, octets: frame }) => direction === 'out' && frame.length > 14 + NARROW)
    expect(tooLong.length).toBeGreaterThan(0)
    expect(tooLong.length).toBeLessThan(50)
    const { output } = await namespace.exec('traceroute', '-6', '-n', '-q', '1', '-w', '2', '-m', '5', STACK)
    expect(output).toMatch(/ 1 {2}fd77::1 [\s\S]* 2 {2}fd66::2 /)
  })
})

/** ICMPv6 131 (MLDv1) or 143 (MLDv2), behind a hop-by-hop header of eight octets. */
function isListenerReport(frame: Uint8Array): boolean {
  const type = frame[14 + 40 + 8]
  return frame[12] === 0x86 && frame[13] === 0xdd && frame[20] === 0 && (type === 131 || type === 143)
}
