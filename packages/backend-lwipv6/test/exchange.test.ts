/** Streams and datagrams between LWIPv6 and the TypeScript stack, and between two of LWIPv6, in helper processes and in this one. */

import { createLan, describeWhereUsable, type HostOptions, testNobody, testStreams } from '@ioth/conformance'
import type { Backend, UdpSocket } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const lwip: HostOptions = { backend }
const inside: HostOptions = { backend, settings: { isolation: 'none' } }
const other: HostOptions = { backend: ts as Backend }

describeWhereUsable('lwipv6', [backend], () => {
  describe.each([
    ['lwipv6 and ts', lwip, other],
    ['ts and lwipv6', other, lwip],
    ['lwipv6 and lwipv6', lwip, lwip],
    ['lwipv6 in this process, and ts', inside, other],
  ])('%s', (_, client, server) => {
    testStreams(client, server)

    it('datagrams, and the longest of them', async () => {
      const lan = await createLan({ hosts: [client, server], time: 'real' })
      try {
        const [a, b] = [lan.host(0), lan.host(1)]
        const receiver = b.openUdp() as UdpSocket
        receiver.bind(b.any, 53)
        const sender = a.openUdp() as UdpSocket
        const octets = new Uint8Array(1452).fill(7)
        expect(sender.send(octets, 0, 1452, b.address, 53)).toBe(1452)
        const got: string[] = []
        await lan.until(
          () => {
            receiver.receive(8, {
              datagram: (_memory, _offset, length, from, port) => got.push(`${length} ${from} ${port}`) > 0,
            })
            return got.length > 0
          },
          20_000,
          () => 'a datagram',
        )
        expect(got).toEqual([`1452 ${a.address} ${sender.localPort}`])
      } finally {
        await lan.close()
      }
    })
  })

  testNobody(lwip, other)

  it('the probe tells the version and the file', async () => {
    expect(await backend.probe()).toMatchObject({
      usable: true,
      version: '1.5a',
      path: expect.stringContaining('liblwipv6'),
    })
  })
})
