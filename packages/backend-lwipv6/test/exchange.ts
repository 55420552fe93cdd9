/** What two hosts exchange: streams, and datagrams up to the longest that LWIPv6 has. */
import { createLan, type HostOptions, testStreams } from '@ioth/conformance'
import type { UdpSocket } from '@ioth/core'
import { expect, it } from 'vitest'

export function testExchange(client: HostOptions, server: HostOptions): void {
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
}
