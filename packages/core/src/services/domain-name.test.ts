import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDomainName, readDomainName, skipDomainName } from './domain-name.ts'

const octets = (...values: (number | string)[]): Uint8Array =>
  Uint8Array.from(
    values.flatMap((value) => (typeof value === 'number' ? [value] : [...value].map((c) => c.charCodeAt(0)))),
  )

describe('domain names on the wire', () => {
  it('reads labels, pointers to earlier names, and the root', () => {
    const message = octets(3, 'www', 4, 'test', 0, 2, 'ns', 0xc0, 4, 0)
    expect(readDomainName(message, 0)).toEqual({ name: 'www.test', next: 10 })
    expect(readDomainName(message, 10)).toEqual({ name: 'ns.test', next: 15 })
    expect(readDomainName(message, 15)).toEqual({ name: '', next: 16 })
  })

  it('H-38 a pointer leads to an earlier place, strictly', () => {
    expect(readDomainName(octets(0xc0, 0), 0), 'itself').toBe(null)
    expect(readDomainName(octets(0xc0, 2, 0), 0), 'forward').toBe(null)
    expect(readDomainName(octets(1, 'a', 0xc0, 0), 0), 'into its own name').toBe(null)
    expect(readDomainName(octets(0xc0, 2, 0xc0, 0), 2), 'in a circle').toBe(null)
    expect(readDomainName(octets(1, 'a', 0xc0, 3, 0xc0, 2), 4), 'in a circle that begins earlier').toBe(null)
    expect(readDomainName(octets(0, 0xc0), 1), 'half').toBe(null)
    expect(readDomainName(octets(0, 0xc3, 0xff), 1), 'past the end').toBe(null)
  })

  it('H-38 at most 127 pointers, 63 octets a label, 255 a name', () => {
    const chain = (length: number): Uint8Array =>
      octets(0, ...Array.from({ length }, (_, hop) => [0xc0, hop === 0 ? 0 : 2 * hop - 1]).flat())
    expect(readDomainName(chain(100), 199)).toEqual({ name: '', next: 201 })
    const long = new Uint8Array(1 + 2 * 200)
    const view = new DataView(long.buffer)
    for (let hop = 0; hop < 200; hop++) view.setUint16(1 + 2 * hop, 0xc000 | (hop === 0 ? 0 : 2 * hop - 1))
    expect(readDomainName(long, 1 + 2 * 126)).not.toBe(null)
    expect(readDomainName(long, 1 + 2 * 127)).toBe(null)
    const name = (labels: number, last: number): Uint8Array =>
      octets(...Array.from({ length: labels }, () => [63, 'x'.repeat(63)]).flat(), last, 'x'.repeat(last), 0)
    expect(readDomainName(name(3, 61), 0)?.next).toBe(255)
    expect(readDomainName(name(3, 62), 0)).toBe(null)
    expect(readDomainName(octets(64, 'x'.repeat(64), 0), 0)).toBe(null)
  })

  it('H-38 octets that would be another name in text are refused', () => {
    for (const octet of [0, 0x2e, 0x5c, 0x1f, 0x7f, 0x80, 0xff]) {
      expect(readDomainName(octets(2, 'a', octet, 0), 0), `octet ${octet}`).toBe(null)
      expect(skipDomainName(octets(2, 'a', octet, 0), 0)).toBe(4)
    }
  })

  it('H-38 P-14 arbitrary octets: a name within them, or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(300), (random, at, end) => {
        const read = readDomainName(random, at, Math.min(end, random.length))
        if (read === null) return
        expect(read.next).toBeLessThanOrEqual(Math.min(end, random.length))
        expect(read.next).toBeGreaterThan(at)
        expect(read.name.length).toBeLessThanOrEqual(253)
        expect(read.name === '' || isDomainName(read.name) || read.name.includes(' ')).toBe(true)
      }),
    )
  })
})
