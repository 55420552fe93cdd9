/** Many neighbours and many connections at once: the library has room for ten neighbours, and for few frames. */
import { createLan, describeWhereUsable, type HostOptions, Service } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { expect, it } from 'vitest'
import { backend } from '../src/index.ts'

const lwip: HostOptions = { backend }
const other: HostOptions = { backend: ts as Backend }

describeWhereUsable('lwipv6', [backend], () => {
  it('thirty hosts at once, none of which has to be asked for', async () => {
    const lan = await createLan({ hosts: [lwip, ...Array.from({ length: 30 }, () => other)], time: 'real' })
    try {
      const [server, ...clients] = lan.hosts
      const service = new Service(lan.host(0), 80)
      const talks = clients.map((client) => service.converse(client, { send: 1000 }, { send: 40_000 }))
      await lan.until(
        () => talks.every(({ isDone }) => isDone),
        50_000,
        () => talks.filter(({ isDone }) => !isDone).join('\n'),
      )
      const questions = server?.frames.filter(({ direction, octets }) => direction === 'out' && isQuestion(octets))
      expect(questions).toEqual([])
    } finally {
      await lan.close()
    }
  })

  it('sixty connections that all write at once, round after round', async () => {
    const lan = await createLan({ hosts: [lwip, other], time: 'real' })
    try {
      const service = new Service(lan.host(0), 80)
      for (let round = 0; round < 3; round++) {
        const talks = Array.from({ length: 60 }, () =>
          service.converse(lan.host(1), { send: 30_000 }, { send: 20_000 }),
        )
        await lan.until(
          () => talks.every(({ isDone }) => isDone),
          50_000,
          () => talks.filter(({ isDone }) => !isDone).join('\n'),
        )
      }
      expect(lan.host(0).stack.counters()['drop.link.library-full']).toBe(0)
    } finally {
      await lan.close()
    }
  })

  it('what came before the end of both streams is read after it: the RST of a peer that has forgotten the connection takes nothing away', async () => {
    const limits = { sendBuffer: 40_000, receiveBuffer: 30_000 }
    const lan = await createLan({ hosts: [lwip, other].map((host) => ({ ...host, limits })), time: 'real' })
    try {
      const service = new Service(lan.host(0), 80)
      for (let round = 0; round < 20; round++) {
        const talk = service.converse(lan.host(1), { send: 400_000, writeSizes: [100_000] }, {})
        await lan.until(
          () => talk.isDone || (talk.server?.error ?? null) !== null,
          20_000,
          () => `${talk}`,
        )
        expect(talk.server?.error ?? null, `${talk}`).toBe(null)
      }
    } finally {
      await lan.close()
    }
  })

  it('a neighbour that is asked for by the first datagrams gets them all', async () => {
    const lan = await createLan({ hosts: [lwip, other], time: 'real' })
    try {
      const [a, b] = [lan.host(0), lan.host(1)]
      const receiver = b.openUdp()
      receiver.bind(b.any, 53)
      const sender = a.openUdp()
      for (let number = 0; number < 8; number++) sender.send(Uint8Array.of(number), 0, 1, b.address, 53)
      const got: number[] = []
      const sink = { datagram: (memory: Uint8Array, offset: number) => got.push(memory[offset] as number) > 0 }
      await lan.until(
        () => {
          receiver.receive(8, sink)
          return got.length === 8
        },
        20_000,
        () => got.join(),
      )
      expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    } finally {
      await lan.close()
    }
  })
})

/** An ARP request for somebody else: no probe, and no announcement. */
function isQuestion(frame: Uint8Array): boolean {
  const octets = Buffer.from(frame)
  if (octets.readUInt16BE(12) !== 0x0806 || octets.readUInt16BE(20) !== 1) return false
  const [sender, target] = [octets.readUInt32BE(28), octets.readUInt32BE(38)]
  return sender !== 0 && sender !== target
}
