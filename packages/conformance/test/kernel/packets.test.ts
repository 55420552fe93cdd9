/**
 * ARP, ping and datagrams between a stack and Linux.
 *
 * @module
 */
import { openDatagram, parseIpAddress } from '@ioth/core'
import { expect } from 'vitest'
import { describeKernel, kernelTest } from './scene.ts'

const KERNEL = parseIpAddress('10.66.0.1')
const STACK = '10.66.0.2'
/** Without data, whole in one frame, just too large for one, and as large as a packet gets. */
const SIZES = [0, 56, 1472, 1473, 65_000, 65_507]

describeKernel('packets with Linux', () => {
  for (const size of SIZES) {
    kernelTest(`R-ICMP4-02 R-IP4-07 R-IP4-05 ping of ${size} octets, both ways`, {}, async ({ kernel, stack }) => {
      expect((await stack.ping(KERNEL, { size, timeoutMs: 5000 })).size).toBe(size)
      const { code, output } = await kernel.namespace.exec(
        'ping',
        '-n',
        '-c',
        '2',
        '-i',
        '0.1',
        '-s',
        String(size),
        STACK,
      )
      expect(output).toMatch(/2 packets transmitted, 2 received/)
      expect(output).not.toMatch(/wrong data|truncated/)
      expect(code).toBe(0)
    })
  }

  kernelTest('R-UDP-07 datagrams of all lengths, both ways', {}, async ({ kernel, stack }) => {
    const lengths = [0, 1, 512, 1472, 1473, 9000, 65_507]
    await kernel.program.ask('echo', { host: '0.0.0.0', port: 7 })
    await using ours = openDatagram(stack)
    for (const length of lengths) {
      await ours.send(new Uint8Array(length).fill(length), { host: `${KERNEL}`, port: 7 })
      const { data, address, port } = await ours.receive({ timeoutMs: 5000 })
      expect([data.length, `${address}`, port]).toEqual([length, `${KERNEL}`, 7])
      expect(data.every((octet) => octet === (length & 255))).toBe(true)
    }
    await using echo = openDatagram(stack, { port: 7 })
    const returned = (async () => {
      for (let i = 0; i < lengths.length; i++) {
        const { data, address, port } = await echo.receive({ timeoutMs: 5000 })
        await echo.send(data, { host: `${address}`, port })
      }
    })()
    const { received, error } = await kernel.program.ask<{ received: number[]; error: null }>('send', {
      host: STACK,
      port: 7,
      lengths,
      answers: lengths.length,
    })
    await returned
    expect({ received, error }).toEqual({ received: lengths, error: null })
  })

  kernelTest('R-UDP-04 R-UDP-05 a closed port says so, either way', {}, async ({ kernel, stack }) => {
    await using ours = openDatagram(stack)
    ours.connect({ host: `${KERNEL}`, port: 9 })
    await ours.send(new Uint8Array(1))
    await expect(ours.receive({ timeoutMs: 5000 })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await kernel.program.ask('send', { host: STACK, port: 9, lengths: [1], answers: 1 })).toMatchObject({
      error: 'ECONNREFUSED',
    })
  })

  kernelTest('R-ARP-01 nobody there is EHOSTUNREACH', {}, async ({ stack }) => {
    await expect(stack.ping(parseIpAddress('10.66.0.77'), { timeoutMs: 10_000 })).rejects.toMatchObject({
      code: 'EHOSTUNREACH',
    })
  })

  kernelTest('R-ARP-04 an address that Linux has is refused', {}, async ({ stack }) => {
    const [eth0] = stack.interfaces
    await expect(eth0?.addAddress(KERNEL, 24)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    // And it was not taken away from Linux.
    await stack.ping(KERNEL)
  })

  kernelTest('R-ARP-02 R-ARP-04 a stack that comes with another MAC is reached at once', {}, async (scene) => {
    const { kernel } = scene
    const macOf = (): string | undefined =>
      /lladdr (\S+)/.exec(kernel.namespace.run(`ip neigh show ${STACK} dev ${kernel.device}`))?.[1]
    const ping = ['ping', '-n', '-c', '1', '-W', '2', STACK]
    expect((await kernel.namespace.exec(...ping)).code).toBe(0)
    const first = macOf()
    expect(first).toBe(scene.stack.interfaces[0]?.mac)
    await scene.replug()
    expect(scene.stack.interfaces[0]?.mac).not.toBe(first)
    // The announcement alone has told it.
    expect(macOf()).toBe(scene.stack.interfaces[0]?.mac)
    expect((await kernel.namespace.exec(...ping)).code).toBe(0)
  })
})
