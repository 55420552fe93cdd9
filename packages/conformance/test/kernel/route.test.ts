/**
 * A stack whose packets go by a router: Linux forwards them to a host behind it, by a link with a smaller MTU.
 *
 * @module
 */

import { parseIpAddress } from '@ioth/core'
import { connect, createServer } from '@ioth/core/node'
import { traceroute } from '@ioth/core/services'
import { expect } from 'vitest'
import type { FarHost, KernelHost } from './kernel-host.ts'
import type { Plan } from './kernel-program.ts'
import { carryOut, digest, octets } from './plan.mjs'
import { describeKernel, kernelTest, type SceneOptions } from './scene.ts'

const ROUTER = '10.66.0.1'
const STACK = '10.66.0.2'
const FAR = '10.77.0.2'
const NARROW = 1300
const OPTIONS: SceneOptions = { options: { gateways: [ROUTER] } }

const behind = (kernel: KernelHost): Promise<FarHost> => kernel.addHostBehind(['10.77.0.1/24'], [`${FAR}/24`], NARROW)

describeKernel('by way of a router that is Linux', () => {
  kernelTest('R-TCP-49 the path MTU is found, either way', OPTIONS, async ({ kernel, stack, captured }) => {
    const { program } = await behind(kernel)
    const ours: Plan = { send: 2_000_000, seed: 3, finish: 'first' }
    const theirs: Plan = { send: 1_000_000, seed: 5, finish: 'after-peer' }
    const whole = ({ send, seed }: Plan): object => ({
      received: send,
      digest: digest(octets(send, seed)),
      ended: true,
    })
    await program.listen(FAR, 80, theirs)
    expect(await carryOut(connect(stack, { host: FAR, port: 80, allowHalfOpen: true }), ours)).toMatchObject(
      whole(theirs),
    )
    expect(await program.served()).toMatchObject(whole(ours))
    // Of the first flight some were too long; of the rest none.
    const tooLong = captured.filter(({ direction, octets }) => direction === 'out' && octets.length > 14 + NARROW)
    expect(tooLong.length).toBeGreaterThan(0)
    expect(tooLong.length).toBeLessThan(50)

    const server = createServer(stack, { allowHalfOpen: true }, (stream) => void carryOut(stream, theirs)).listen({
      port: 80,
    })
    expect(await program.connect(STACK, 80, ours)).toMatchObject(whole(theirs))
    server.close()
  })

  kernelTest(
    'R-IP4-05 R-IP4-07 fragments of a router, and of ours cut again by it',
    OPTIONS,
    async ({ kernel, stack }) => {
      const { namespace } = await behind(kernel)
      expect((await stack.ping(parseIpAddress(FAR), { size: 20_000, timeoutMs: 5000 })).size).toBe(20_000)
      const { output } = await namespace.exec('ping', '-n', '-c', '1', '-s', '20000', '-M', 'dont', STACK)
      expect(output).toMatch(/1 received/)
    },
  )

  kernelTest('R-UDP-04 the traceroute of Linux finds us behind the router', OPTIONS, async ({ kernel }) => {
    const { namespace } = await behind(kernel)
    const { output } = await namespace.exec('traceroute', '-n', '-q', '1', '-w', '2', '-m', '5', STACK)
    expect(output).toMatch(/ 1 {2}10\.77\.0\.1 [\s\S]* 2 {2}10\.66\.0\.2 /)
  })

  for (const [near, far] of [
    [ROUTER, FAR],
    ['fd66::1', 'fd77::2'],
  ] as const) {
    const options = { options: { gateways: [near] } }
    kernelTest(
      `R-ICMP4-03 R-ICMP6-02 our traceroute finds the router, and ${far} behind it`,
      options,
      async (scene) => {
        await scene.kernel.addHostBehind(['10.77.0.1/24', 'fd77::1/64'], ['10.77.0.2/24', 'fd77::2/64'])
        const hops: string[] = []
        for await (const { probes } of traceroute(scene.stack, far, { probes: 1 })) {
          hops.push(`${probes[0]?.from} ${probes[0]?.kind}`)
        }
        expect(hops).toEqual([`${near} time-exceeded`, `${far} reply`])
      },
    )
  }

  kernelTest('R-TCP-48 R-ICMP4-02 no route beyond the router', OPTIONS, async ({ kernel, stack }) => {
    await behind(kernel)
    const nowhere = { code: expect.stringMatching(/^E(NET|HOST)UNREACH$/) }
    await expect(stack.ping(parseIpAddress('10.88.0.1'), { timeoutMs: 5000 })).rejects.toMatchObject(nowhere)
  })
})
