import { describe, expect, test } from 'vitest'
import { AddressRegister } from './address-register.ts'

describe('the register of addresses', () => {
  test('an address is taken by force', () => {
    const register = new AddressRegister(10)
    expect(register.claim('10.0.0.1', 1, 'a')).toBeNull()
    register.free('10.0.0.1', 1)
    expect(register.claim('10.0.0.1', 2, 'b')).toBe(1)
    register.free('10.0.0.1', 2)
    expect(register.claim('10.0.0.1', 2, 'b')).toBeNull()
    expect(register.isUnsure('10.0.0.1')).toBe(false)
  })

  test('gives an address to one port at a time', () => {
    const register = new AddressRegister(10)
    expect(register.claim('10.0.0.1', 1, 'a')).toBeNull()
    expect(register.claim('10.0.0.1', 1, 'b')).toBeNull()
    expect(register.macOf('10.0.0.1')).toBe('b')
    expect(register.claim('10.0.0.1', 2, 'c')).toBe(1)
    register.unclaim('10.0.0.1', 2)
    expect(register.claim('10.0.0.1', 2, 'c')).toBe(1)
    register.unclaim('10.0.0.1', 1)
    expect(register.claim('10.0.0.1', 2, 'c')).toBeNull()
    register.removePort(2)
    expect(register.size).toBe(0)
  })

  test('what is only seen grows old and gives way, what is claimed does not', () => {
    const register = new AddressRegister(10)
    expect(register.see('10.0.0.1', 1, 'a', 5)).toBe(true)
    expect(register.see('10.0.0.1', 2, 'b', 6)).toBe(true)
    expect(register.claim('10.0.0.1', 2, 'b')).toBeNull()
    expect(register.isUnsure('10.0.0.1')).toBe(false)
    expect(register.see('10.0.0.3', 1, 'a', 6)).toBe(true)
    expect(register.claim('10.0.0.3', 2, 'b')).toBeNull()
    expect(register.isUnsure('10.0.0.3')).toBe(true)
    register.unclaim('10.0.0.3', 2)
    expect(register.see('10.0.0.1', 1, 'a', 7)).toBe(false)
    register.see('10.0.0.2', 1, 'a', 7)
    register.expire(8)
    expect([...register.of(1)]).toEqual([])
    expect([...register.of(2)]).toEqual([{ address: '10.0.0.1', mac: 'b', claimed: true }])
  })

  test('a port has so many and no more', () => {
    const register = new AddressRegister(2)
    expect(register.claim('10.0.0.1', 1, 'a')).toBeNull()
    expect(register.see('10.0.0.2', 1, 'a', 0)).toBe(true)
    expect(register.claim('10.0.0.3', 1, 'a')).toBe(-1)
    expect(register.see('10.0.0.4', 1, 'a', 0)).toBe(true)
    expect([...register.of(1)].map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2'])
  })
})
