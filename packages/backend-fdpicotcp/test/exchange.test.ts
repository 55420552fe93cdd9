/** Streams between fd_picoTCP and the TypeScript stack, and between two of fd_picoTCP, in helper processes and in this one. */

import { createLan, type HostOptions, Service } from '@ioth/conformance'
import { type Backend, parseIpAddress } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const probe = await backend.probe()
const isRequired = process.env.IOTH_REQUIRE_BACKENDS?.split(',').includes('fdpicotcp') ?? false

const fdpico: HostOptions = { backend }
const inside: HostOptions = { backend, settings: { isolation: 'none' } }
const other: HostOptions = { backend: ts as Backend }

if (!probe.usable && !isRequired) {
  it.skip(`fdpicotcp is not usable here: ${probe.reason}; tried ${probe.tried.join(', ')}`)
} else {
  describe.each([
    ['fdpicotcp in this process, and ts', inside, other],
    ['ts and fdpicotcp in this process', other, inside],
    ['fdpicotcp and ts', fdpico, other],
    ['ts and fdpicotcp', other, fdpico],
    ['fdpicotcp and fdpicotcp', fdpico, fdpico],
  ])('%s', (_, client, server) => {
    it.each([4, 6] as const)('over IPv%i: streams both ways at once, each to its end', async (family) => {
      const lan = await createLan({ hosts: [client, server], family, time: 'real' })
      try {
        const service = new Service(lan.host(1), 80)
        const talks = Array.from({ length: 6 }, () => service.converse(lan.host(0), { send: 60_000 }, { send: 40_000 }))
        await lan.until(
          () => talks.every(({ isDone }) => isDone),
          50_000,
          () => talks.join('\n'),
        )
      } finally {
        await lan.close()
      }
    })
  })

  it('a port where nobody listens, and an address of nobody', async () => {
    const lan = await createLan({ hosts: [fdpico, other], time: 'real' })
    try {
      const [a, b] = [lan.host(0), lan.host(1)]
      const refused = a.openTcp()
      refused.connect(b.address, 9)
      const absent = a.openTcp()
      absent.connect(parseIpAddress('10.0.0.77'), 9)
      await lan.until(() => refused.error !== null && absent.error !== null, 30_000)
      expect([refused.error?.code, absent.error?.code]).toEqual(['ECONNREFUSED', 'EHOSTUNREACH'])
    } finally {
      await lan.close()
    }
  })
}
