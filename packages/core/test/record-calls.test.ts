/** Socket calls as somebody who looks on sees them. */
import {
  connect,
  createPipe,
  createVirtualScheduler,
  defaultPool,
  listen,
  openDatagram,
  parseIpAddress,
  recordCalls,
} from '@ioth/core'
import { backend } from '@ioth/stack-ts'
import { expect, it } from 'vitest'

it('shows every call with its result, and what sockets say by themselves', async () => {
  const scheduler = createVirtualScheduler()
  const pool = defaultPool()
  const [one, two] = createPipe({ scheduler, pool })
  const make = (link: typeof one, address: string) =>
    backend.createStack({ scheduler, pool, interfaces: [{ link, addresses: [address] }], settings: { probe: 'none' } })
  const [a, b] = await Promise.all([make(one, '10.0.0.1/24'), make(two, '10.0.0.2/24')])
  const seen: string[] = []
  recordCalls(a, ({ socket, call, detail, result, octets }) => {
    seen.push(
      [socket, call, detail.replace(/ \d{5}$/, ' *'), octets === null ? '' : `${octets.length}`, result]
        .filter((word) => word !== '')
        .join(' '),
    )
  })
  const settled = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isOver = false
    promise.finally(() => (isOver = true)).catch(() => {})
    await scheduler.settleUntil(() => isOver, 10_000_000)
    return promise
  }
  const listener = listen(b, { port: 80 })
  const talk = await settled(connect(a, { host: '10.0.0.2', port: 80 }))
  const peer = await settled(listener.accept())
  await settled(talk.write(new Uint8Array(7)))
  await settled(peer.write(new Uint8Array(3)))
  expect(await settled(talk.read())).toHaveLength(3)
  await settled(peer.end())
  expect(await settled(talk.read())).toBeNull()
  await settled(talk.close())
  await expect(settled(connect(a, { host: '10.0.0.2', port: 81 }))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  const socket = openDatagram(a, { port: 5 })
  await settled(socket.send(new Uint8Array(9), { host: parseIpAddress('10.0.0.2'), port: 6 }))
  await settled(socket.close())
  await settled(Promise.all([a.close(), b.close()]))
  expect(seen.filter((line) => !line.includes('closed'))).toEqual([
    'tcp 1 connect 10.0.0.2 80 ok',
    'tcp 1 connected from 10.0.0.1 * ok',
    'tcp 1 write 7 ok',
    'tcp 1 read 3 ok',
    'tcp 1 read end',
    'tcp 1 shutdown ok',
    'tcp 1 read end',
    'tcp 1 close ok',
    'tcp 2 connect 10.0.0.2 81 ok',
    'tcp 2 failed ECONNREFUSED',
    'tcp 2 reset ok',
    'udp 1 bind 0.0.0.0 5 ok',
    'udp 1 send 10.0.0.2 6 9 ok',
    'udp 1 close ok',
  ])
})
