/** What stands beside LWIPv6 on its link: conflicts, announcements, DHCP; and several addresses and interfaces. */
import { createLan, describeWhereUsable, type HostOptions, type Lan, Service } from '@ioth/conformance'
import { type Backend, parseIpAddress, type StackEvent } from '@ioth/core'
import { serveDhcp } from '@ioth/core/services'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const other: HostOptions = { backend: ts as Backend }
const lwip: HostOptions = { backend }

describeWhereUsable('lwipv6', [backend], () => {
  // In its helper alone: what the library does to the memory of its process, it would do to that of these tests.
  describe('in its helper', () => {
    const host = lwip
    it.each([4, 6] as const)(
      'IPv%i: an address that somebody has is refused, and one of its own announced',
      async (family) => {
        const lan = await createLan({ hosts: [other, host], family, time: 'real' })
        try {
          expect(
            lan.host(1).frames.filter(({ direction, octets }) => direction === 'out' && isAnnouncement(octets)),
          ).toHaveLength(1)
          const taken = family === 4 ? '10.0.0.1/24' : 'fd00::1/64'
          await expect(lan.join({ ...host, address: taken })).rejects.toMatchObject({ code: 'EADDRINUSE' })
        } finally {
          await lan.close()
        }
      },
    )

    it('an address is defended once, and given up when it is taken again', async () => {
      const lan = await createLan({ hosts: [host, other], time: 'real' })
      try {
        const [a] = lan.hosts as [Lan['hosts'][0]]
        const tap = lan.tap()
        const gratuitous = Buffer.from(
          'ffffffffffff020000000009080600010800060400010200000000090a0000010000000000000a000001'.padEnd(120, '0'),
          'hex',
        )
        tap.send(gratuitous)
        await lan.until(() => kinds(a.events).includes('address-conflict'), 20_000)
        expect(a.stack.interfaces[0]?.addresses).toHaveLength(1)
        tap.send(gratuitous)
        await lan.until(() => kinds(a.events).includes('address-removed'), 20_000)
        expect(kinds(a.events)).toEqual(['address-added', 'address-conflict', 'address-conflict', 'address-removed'])
        expect(a.stack.interfaces[0]?.addresses).toEqual([])
        await tap.close()
      } finally {
        await lan.close()
      }
    })

    it('an address by DHCP, with its router and name server; it is given back', async () => {
      const lan = await createLan({ hosts: [other], time: 'real' })
      try {
        const [server] = lan.hosts as [Lan['hosts'][0]]
        const dhcp = serveDhcp(server.stack, {
          range: ['10.0.0.100', '10.0.0.102'],
          gateway: '10.0.0.1',
          dns: ['10.0.0.1'],
        })
        const client = await lan.join({ ...host, name: 'c', dhcp: true })
        const [on] = client.stack.interfaces
        expect(on?.addresses.map(({ address }) => `${address}`)).toEqual(['10.0.0.100'])
        expect(client.stack.nameServers.map(String)).toEqual(['10.0.0.1'])
        expect(on?.lease).toMatchObject({ prefixLength: 24 })
        const talk = new Service(server, 80).converse(client, { send: 1000 }, { send: 1000 })
        await lan.until(
          () => talk.isDone,
          20_000,
          () => `${talk}`,
        )
        await client.stack.close()
        await lan.until(() => dhcp.leases.length === 0, 20_000)
        await dhcp.close()
      } finally {
        await lan.close()
      }
    })

    it('two addresses of one network, two interfaces: each is served', async () => {
      const lan = await createLan({ hosts: [host, other], time: 'real' })
      try {
        const [a] = lan.hosts as [Lan['hosts'][0]]
        await a.stack.interfaces[0]?.addAddress(parseIpAddress('10.0.0.50'), 24)
        const second = await a.stack.addInterface({ link: lan.link('second'), addresses: ['10.0.1.60/24'] })
        const far = await lan.join({ ...other, address: '10.0.1.2/24' })
        for (const [text, client] of [
          ['10.0.0.50', lan.host(1)],
          ['10.0.1.60', far],
        ] as const) {
          const port = client === far ? 81 : 80
          const socket = client.openTcp()
          const listening = a.openTcp()
          listening.bind(parseIpAddress(text), port)
          const listener = listening.listen(4)
          socket.connect(parseIpAddress(text), port)
          let accepted = listener.accept()
          await lan.until(() => {
            accepted ??= listener.accept()
            return accepted !== null
          }, 20_000)
          expect(`${accepted?.localAddress}`).toBe(text)
          socket.reset()
          accepted?.reset()
          listener.close()
        }
        await second.remove()
      } finally {
        await lan.close()
      }
    })
  })

  it('addresses beyond those that the library has room for are refused', async () => {
    const lan = await createLan({ hosts: [lwip], time: 'real' })
    try {
      const [on] = lan.host(0).stack.interfaces
      for (let host = 2; host < 10; host++) await on?.addAddress(parseIpAddress(`10.0.0.${host}`), 24)
      await expect(on?.addAddress(parseIpAddress('10.0.0.10'), 24)).rejects.toMatchObject({ code: 'ENOBUFS' })
      on?.removeAddress(parseIpAddress('10.0.0.9'))
      await on?.addAddress(parseIpAddress('10.0.0.10'), 24)
      expect(on?.addresses).toHaveLength(9)
    } finally {
      await lan.close()
    }
  })

  it('autoconfiguration is not there, and says so', async () => {
    const lan = await createLan({ hosts: [other], time: 'real' })
    try {
      await expect(lan.join({ ...lwip, slaac: true })).rejects.toMatchObject({ code: 'ERR_IOTH_NOT_IMPLEMENTED' })
    } finally {
      await lan.close()
    }
  })
})

function kinds(events: readonly StackEvent[]): string[] {
  return events.map(({ kind }) => kind)
}

/** A gratuitous ARP request (RFC 5227 2.3), or a neighbour advertisement to all nodes. */
function isAnnouncement(frame: Uint8Array): boolean {
  const octets = Buffer.from(frame)
  if (octets.readUInt16BE(12) === 0x0806) return octets.compare(octets, 38, 42, 28, 32) === 0
  return octets.readUInt16BE(12) === 0x86dd && octets[20] === 58 && octets[54] === 136
}
