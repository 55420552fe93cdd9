import { ANY_V4, ANY_V6, createSeededRandom, parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { NodePorts } from './node-ports.ts'
import { Tuple } from './tuple.ts'

const make = (): NodePorts<string> => new NodePorts<string>(createSeededRandom(1))

function to(address: string, port: number): Tuple {
  const tuple = new Tuple()
  tuple.setLocal(parseIpAddress(address))
  tuple.localPort = port
  return tuple
}

test('a port has one listener, in whichever member; it is free when that one is gone', () => {
  const ports = make()
  ports.listen(ports.bind('a', 6, ANY_V6, 80, {}))
  expect(() => ports.bind('b', 6, ANY_V4, 80, {})).toThrow('EADDRINUSE')
  expect(ports.listenerOf(to('10.0.0.1', 80))).toBe('a')
  ports.leave('a')
  expect(ports.listenerOf(to('10.0.0.1', 80))).toBeNull()
  ports.listen(ports.bind('b', 6, ANY_V4, 80, {}))
  expect(ports.listenerOf(to('10.0.0.1', 80))).toBe('b')
})

test('those who share a port, by a flag or because it was passed on, take turns', () => {
  const ports = make()
  for (const member of ['a', 'b', 'c']) ports.listen(ports.bind(member, 6, ANY_V4, 80, { reusePort: true }))
  const turns = (port: number): (string | null)[] =>
    Array.from({ length: 6 }, () => ports.listenerOf(to('10.0.0.1', port)))
  expect(turns(80)).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])

  const first = ports.bind('a', 6, ANY_V4, 81, {})
  for (const member of ['b', 'c']) ports.listen(ports.share(member, first))
  expect(turns(81)).toEqual(['b', 'c', 'b', 'c', 'b', 'c'])
  ports.release(first)
  expect(() => ports.bind('d', 6, ANY_V4, 81, {})).toThrow('EADDRINUSE')
})

test('an address of its own goes before the wildcard, and IPv4 before both families', () => {
  const ports = make()
  ports.bind('wild', 17, ANY_V6, 53, { reuse: true })
  ports.bind('four', 17, ANY_V4, 53, { reuse: true })
  ports.bind('own', 17, parseIpAddress('10.0.0.1'), 53, { reuse: true })
  expect(ports.receiverOf(to('10.0.0.1', 53))).toBe('own')
  expect(ports.receiverOf(to('10.0.0.2', 53))).toBe('four')
  expect(ports.receiverOf(to('fc00::1', 53))).toBe('wild')
})

test('blocks of ephemeral ports are lent to one member each, until there are none', () => {
  const ports = make()
  const blocks = Array.from({ length: 441 }, () => ports.lend('a').first)
  expect(new Set(blocks).size).toBe(441)
  expect(() => ports.lend('b')).toThrow('ephemeral')
  ports.leave('a')
  expect(ports.lend('b').count).toBe(32)
})
