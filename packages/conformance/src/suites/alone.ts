/**
 * A host that speaks to itself: what is local stays in the stack, and is a connection like any other.
 *
 * @module
 */
import { CLOSED, ERROR, parseIpAddress, READABLE, type TcpSocket } from '@ioth/core'
import { expect } from 'vitest'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { expectThrow } from './expect-code.ts'

export function alone(suite: Suite): void {
  suite.test('P-01 P-02 P-08 a host that speaks to itself: both streams whole, both ends seen', async ({ lan, a }) => {
    const service = new Service(a, 80)
    const talks = [
      service.converse(a, { send: 100_000 }, { send: 50_000 }),
      service.converse(a, { send: 7, finish: 'after-peer' }, { send: 90_000 }),
      service.converse(a),
    ]
    await lan.until(
      () => talks.every(({ isDone }) => isDone),
      30_000,
      () => talks.join('\n'),
    )
    service.close()
  })

  suite.test('nobody of the host listens: ECONNREFUSED', async ({ lan, a }) => {
    await expectRefused(lan, a, 81)
    const service = new Service(a, 82)
    service.close()
    await lan.wait(1)
    await expectRefused(lan, a, 82)
  })

  suite.test(
    'ports and addresses of one host: EADDRINUSE, EADDRNOTAVAIL, and a port of the stack’s choice',
    ({ a }) => {
      const service = new Service(a)
      expect(service.port).toBeGreaterThan(0)
      const second = a.openTcp()
      expectThrow(() => {
        second.bind(a.any, service.port)
        second.listen(1)
      }, 'EADDRINUSE')
      second.close()
      const stranger = a.openTcp()
      expectThrow(() => stranger.bind(parseIpAddress('192.0.2.1'), 80), 'EADDRNOTAVAIL', { port: 80 })
      stranger.close()
      service.close()
    },
  )

  suite.test('a reset within one host is seen at the other end', async ({ lan, a }) => {
    const listening = a.openTcp()
    listening.bind(a.any, 80)
    const listener = listening.listen(4)
    const client = a.openTcp()
    client.connect(a.address, 80)
    await lan.until(() => (listener.ready & READABLE) !== 0, 5000)
    const server = listener.accept() as TcpSocket
    server.reset()
    await lan.until(() => client.error !== null, 5000)
    expect(client.error?.code).toBe('ECONNRESET')
    client.close()
    listener.close()
  })

  suite.test('whoever closes a socket that failed is told of its error no more', async ({ lan, a }) => {
    const socket = a.openTcp()
    const told: number[] = []
    socket.onReady = (_, bits) => {
      told.push(bits)
      socket.close()
    }
    socket.interest = ERROR
    socket.connect(a.address, 81)
    await lan.until(() => told.length > 0, 5000)
    await lan.wait(1)
    expect(told).toEqual([ERROR])
    expect(socket.ready).toBe(CLOSED)
  })
}

async function expectRefused(lan: Lan, host: Host, port: number): Promise<void> {
  const socket = host.openTcp()
  socket.connect(host.address, port)
  await lan.until(() => socket.error !== null, 5000)
  expect(socket.error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', port })
  socket.close()
}
