import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasCode } from '../errors/index.ts'
import { hashAddress, IpAddress, parseIpAddress } from './index.ts'

const of = (base: string, name: string): string => hashAddress(parseIpAddress(base), name).toString()

test('the address of a name is the one that the tools of IoTh compute', () => {
  expect(of('fc00::', 'hash.test.local')).toBe('fc00::f4b7:a5a9:259b:fb70')
  expect(of('fc00::', 'hash.test.local.')).toBe('fc00::f4b7:a5a9:259b:fb70')
  expect(of('fc00::', 'hash.test.local..')).not.toBe('fc00::f4b7:a5a9:259b:fb70')
  // Bits of the base below the prefix take part.
  expect(of('fc00::1', 'hash.test.local')).toBe('fc00::f4b7:a5a9:259b:fb71')
})

test('the network stays, and the identifier is neither universal nor of a group', () => {
  const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
  fc.assert(
    fc.property(word, word, word, word, fc.string(), (w0, w1, w2, w3, name) => {
      const address = hashAddress(new IpAddress(6, w0, w1, w2, w3), name)
      expect([address.w0, address.w1]).toEqual([w0, w1])
      expect((address.w2 >>> 24) & 3).toBe(0)
    }),
  )
})

test('IPv4 has no such addresses', () => {
  expect.assertions(1)
  try {
    hashAddress(parseIpAddress('10.0.0.1'), 'a.b')
  } catch (error) {
    expect(hasCode(error, 'EINVAL')).toBe(true)
  }
})
