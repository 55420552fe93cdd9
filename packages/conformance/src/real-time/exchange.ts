/**
 * What two stacks say to each other first, on the host's clock: for the tests of one backend, over and above its suite.
 *
 * @module
 */
import { parseIpAddress } from '@ioth/core'
import { expect, it } from 'vitest'
import { createLan, type HostOptions } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'

const CONVERSATIONS = 6

/** Tests of streams between a client and a server, over either family. */
export function testStreams(client: HostOptions, server: HostOptions): void {
  it.each([4, 6] as const)('over IPv%i: streams both ways at once, each to its end', async (family) => {
    const lan = await createLan({ hosts: [client, server], family, time: 'real', realLifeMs: 60_000 })
    try {
      const service = new Service(lan.host(1), 80)
      const talks = Array.from({ length: CONVERSATIONS }, () =>
        service.converse(lan.host(0), { send: 60_000 }, { send: 40_000 }),
      )
      await lan.until(
        () => talks.every(({ isDone }) => isDone),
        50_000,
        () => talks.join('\n'),
      )
    } finally {
      await lan.close()
    }
  })
}

/** A test of what a client hears when nobody is there. */
export function testNobody(client: HostOptions, server: HostOptions): void {
  it('a port where nobody listens, and an address of nobody', async () => {
    const lan = await createLan({ hosts: [client, server], time: 'real' })
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
