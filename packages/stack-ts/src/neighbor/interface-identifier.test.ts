import { createSeededRandom, IpAddress, parseIpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eui64Identifiers, randomSecret, stableIdentifiers } from './interface-identifier.ts'

const PREFIX = parseIpAddress('2001:db8:1:2::')
const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i)

test('R-ND-09 an identifier of the hardware address (RFC 4291 appendix A)', () => {
  const made = eui64Identifiers({ high: 0x3456, low: 0x789abcde | 0 }).make(PREFIX, 0)
  expect(made.toString()).toBe('2001:db8:1:2:3656:78ff:fe9a:bcde')
})

test('R-ND-09 stable identifiers: the same for the same network, secret and interface; another for anything else', () => {
  const secret = fc.uint8Array({ minLength: 16, maxLength: 16 })
  const name = fc.string({ minLength: 1, maxLength: 15 })
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(secret, name, word, word, fc.nat(3), (key, device, w0, w1, attempt) => {
      const prefix = new IpAddress(6, w0, w1, 0, 0)
      const made = stableIdentifiers(key, device).make(prefix, attempt)
      expect([made.w0, made.w1]).toEqual([w0, w1])
      expect(stableIdentifiers(key.slice(), device).make(prefix, attempt).toString()).toBe(made.toString())
      const others = [
        stableIdentifiers(key, `${device}x`).make(prefix, attempt),
        stableIdentifiers(key, device).make(prefix, attempt + 1),
        stableIdentifiers(key, device).make(new IpAddress(6, w0, w1 ^ 1, 0, 0), attempt),
        stableIdentifiers(
          key.map((octet) => octet ^ 1),
          device,
        ).make(prefix, attempt),
      ]
      for (const { w2, w3 } of others) expect([w2, w3]).not.toEqual([made.w2, made.w3])
    }),
  )
})

test('R-ND-09 stacks without a secret of their own do not share one', () => {
  const made = [1, 2, 3].map((seed) => {
    const secret = randomSecret(createSeededRandom(seed))
    return stableIdentifiers(secret, 'eth0').make(PREFIX, 0).toString()
  })
  expect(new Set(made).size).toBe(3)
  // RFC 7217 6: three further tries after a conflict.
  expect(stableIdentifiers(SECRET, 'eth0').attempts).toBe(4)
  expect(eui64Identifiers({ high: 0x200, low: 1 }).attempts).toBe(1)
})
