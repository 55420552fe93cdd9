import { expect, test } from 'vitest'
import { parseIpAddress } from '../address/index.ts'
import type { Link, LinkUser } from '../contract/link.ts'
import { createPortTable } from '../ports/port-table.ts'
import { createVirtualScheduler } from '../time/index.ts'
import { introducingPorts } from './introducing-ports.ts'

test('the network hears of listeners and of UDP ports that were asked for, once in a turn', () => {
  const scheduler = createVirtualScheduler()
  const told: LinkUser[] = []
  const link = { introduce: (user: LinkUser) => void told.push(user) } as unknown as Link
  const table = createPortTable(scheduler.random)
  const ports = introducingPorts(table, link, 'ts', scheduler)
  expect(told).toEqual([{ backend: 'ts', listening: [] }])

  const any = parseIpAddress('::')
  const web = ports.bind(6, any, 80)
  scheduler.advance()
  expect(told).toHaveLength(1)
  web.listen()
  const names = ports.bind(17, any, 53)
  const client = ports.bind(17, any, 0)
  ports.bindFor(6, any, parseIpAddress('fd00::1'), 80, () => true).release()
  scheduler.advance()
  expect(told.slice(1)).toEqual([{ backend: 'ts', listening: ['53/udp', '80/tcp'] }])

  expect(() => ports.bind(17, any, 53)).toThrow(/EADDRINUSE/)
  client.release()
  scheduler.advance()
  expect(told).toHaveLength(2)
  const second = ports.bind(6, parseIpAddress('10.0.0.1'), 81)
  second.listen()
  second.release()
  web.release()
  names.release()
  scheduler.advance()
  expect(told.slice(2)).toEqual([{ backend: 'ts', listening: [] }])
  expect([ports.size, table.size]).toEqual([0, 0])
})

test('no more ports are told than a network takes', () => {
  const scheduler = createVirtualScheduler()
  let told: LinkUser | null = null
  const link = {
    introduce: (user: LinkUser) => {
      told = user
    },
  } as unknown as Link
  const ports = introducingPorts(createPortTable(scheduler.random), link, 'ts', scheduler)
  for (let port = 100; port > 0; port--) ports.bind(6, parseIpAddress('10.0.0.1'), port).listen()
  scheduler.advance()
  expect(told).toEqual({ backend: 'ts', listening: Array.from({ length: 64 }, (_, index) => `${index + 1}/tcp`) })
})
