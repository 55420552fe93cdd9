/**
 * TCP between a stack and Linux, both ways.
 *
 * @module
 */
import { once } from 'node:events'
import type { Impairments, Stack } from '@ioth/core'
import { connect, createServer, type StackDuplex } from '@ioth/core/node'
import { expect } from 'vitest'
import type { Outcome, Plan } from './kernel-program.ts'
import { carryOut, digest, octets } from './plan.mjs'
import { describeKernel, kernelTest } from './scene.ts'

/** The two ends, in both families; and what of an MTU of 1500 is left for a segment. */
const FAMILIES = {
  IPv4: { kernelEnd: '10.66.0.1', stackEnd: '10.66.0.2', segment: 1460 },
  IPv6: { kernelEnd: 'fd66::1', stackEnd: 'fd66::2', segment: 1440 },
} as const

const wires: Readonly<Record<string, Impairments>> = {
  'a clean cable': {},
  'loss, delay, reordering and duplicates': { loss: 0.02, delayMs: 3, jitterMs: 1, reorder: 0.05, duplicate: 0.02 },
  'damaged frames': { corrupt: 0.02, delayMs: 1 },
}

const sum = (plan: Plan): string => digest(octets(plan.send, plan.seed))

function expectWhole(outcome: Outcome, plan: Plan): void {
  expect(outcome).toEqual({ received: plan.send, digest: sum(plan), ended: true, error: null })
}

/** Serves one connection of the stack by a plan. */
async function serve(stack: Stack, port: number, plan: Plan): Promise<Outcome> {
  const server = createServer(stack, { allowHalfOpen: true }).listen({ port })
  const [stream] = (await once(server, 'connection')) as [StackDuplex]
  const outcome = await carryOut(stream, plan)
  server.close()
  return outcome
}

function dial(stack: Stack, host: string, port: number, plan: Plan): Promise<Outcome> {
  return carryOut(connect(stack, { host, port, allowHalfOpen: true }), plan)
}

for (const [family, { kernelEnd, stackEnd, segment }] of Object.entries(FAMILIES)) {
  describeKernel(`TCP with Linux over ${family}`, () => {
    for (const [wire, impair] of Object.entries(wires)) {
      const size = wire === 'a clean cable' ? 20_000_000 : 1_000_000
      for (const finish of ['first', 'after-peer'] as const) {
        const ours: Plan = { send: size, seed: 3, finish }
        const theirs: Plan = { send: size / 2, seed: 5, finish: finish === 'first' ? 'after-peer' : 'first' }

        kernelTest(
          `R-TCP-06 R-TCP-17 we connect and close ${finish}: ${wire}`,
          { impair },
          async ({ kernel, stack }) => {
            await kernel.program.listen(kernelEnd, 80, theirs)
            expectWhole(await dial(stack, kernelEnd, 80, ours), theirs)
            expectWhole(await kernel.program.served(), ours)
          },
        )

        kernelTest(
          `R-TCP-06 R-TCP-17 it connects, we close ${finish}: ${wire}`,
          { impair },
          async ({ kernel, stack }) => {
            const served = serve(stack, 80, ours)
            expectWhole(await kernel.program.connect(stackEnd, 80, theirs), ours)
            expectWhole(await served, theirs)
          },
        )
      }
    }

    kernelTest('R-TCP-07 a closed port refuses, either way', {}, async ({ kernel, stack }) => {
      const plan: Plan = { send: 1, seed: 1, finish: 'first' }
      expect(await dial(stack, kernelEnd, 81, plan)).toMatchObject({ error: 'ECONNREFUSED' })
      expect(await kernel.program.connect(stackEnd, 81, plan)).toMatchObject({ error: 'ECONNREFUSED' })
    })

    kernelTest(
      'R-TCP-21 R-TCP-42 Linux sees our segment size, window scale, timestamps',
      {},
      async ({ kernel, stack }) => {
        await kernel.program.listen(kernelEnd, 80, { send: 10, seed: 1, finish: 'after-peer' })
        const stream = connect(stack, { host: kernelEnd, port: 80 })
        await once(stream, 'data')
        const seen = kernel.namespace.run('ss -tinH state established sport = :80')
        // The timestamps take twelve octets of each segment.
        expect(seen).toMatch(new RegExp(` mss:${segment - 12} .*advmss:${segment - 12}`))
        const [, theirs, ours] = /wscale:(\d+),(\d+)/.exec(seen) ?? []
        expect(
          [Number(theirs), Number(ours)].every((shift) => shift > 0 && shift <= 14),
          seen,
        ).toBe(true)
        stream.destroy()
      },
    )

    kernelTest('R-TCP-30 a reader that stops, and goes on: on either side', {}, async ({ kernel, stack }) => {
      const sent: Plan = { send: 8_000_000, seed: 7, finish: 'first' }
      const silent: Plan = { send: 0, seed: 1, finish: 'after-peer', reads: false }
      await kernel.program.listen(kernelEnd, 80, silent)
      const ours = dial(stack, kernelEnd, 80, sent)
      await until(() => (stack.counters().tcpZeroWindowProbes as number) >= 2)
      await kernel.program.ask('resume', {})
      expectWhole(await kernel.program.served(), sent)
      await ours

      const server = createServer(stack, { allowHalfOpen: true }).listen({ port: 80 })
      const theirs = kernel.program.connect(stackEnd, 80, sent)
      const [stream] = (await once(server, 'connection')) as [StackDuplex]
      // Until Linux probes the closed window.
      await until(() =>
        /persist|timer:\(probe|timer:\(persist/.test(kernel.namespace.run('ss -tinoH state established dport = :80')),
      )
      expectWhole(await carryOut(stream, { send: 0, seed: 1, finish: 'after-peer' }), sent)
      expect(await theirs).toMatchObject({ ended: true, error: null })
      server.close()
    })

    kernelTest('R-TCP-51 more connections at once than the backlog holds', {}, async ({ kernel, stack }) => {
      const plan: Plan = { send: 100, seed: 1, finish: 'first' }
      const server = createServer(
        stack,
        { allowHalfOpen: true },
        (stream) => void carryOut(stream, { ...plan, finish: 'after-peer' }),
      )
      server.listen({ port: 80, backlog: 4 })
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => kernel.program.connect(stackEnd, 80, plan)))
      for (const outcome of outcomes) expectWhole(outcome, plan)
      server.close()
    })
  })
}

/** Looks again and again, in turns of the event loop, for what no event tells. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}
