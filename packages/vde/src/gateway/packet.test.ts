import { ETHERNET_HEADER, IpAddress, parseIpAddress, toBytes } from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksum, echoReply, icmpError, reset } from './answers.ts'
import { isOfInterest, type Packet, parsePacket } from './packet.ts'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const GATEWAY = { 4: parseIpAddress('10.0.0.1'), 6: parseIpAddress('fd00::1') } as const

/** A frame of IPv4 or IPv6, as a sender makes it; then cut, or spoilt. */
const frames = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    protocol: fc.constantFrom(1, 6, 17, 58, 44, 255),
    ttl: fc.nat(255),
    body: fc.uint8Array({ maxLength: 120 }),
    cut: fc.nat(200),
    spoilt: fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { maxLength: 3 }),
  })
  .map(({ family, protocol, ttl, body, cut, spoilt }) => {
    const header = family === 4 ? 20 : 40
    const frame = new Uint8Array(ETHERNET_HEADER + header + body.length)
    const view = new DataView(frame.buffer)
    frame.set([2, 0, 0, 0, 0, 9], 6)
    view.setUint16(12, family === 4 ? 0x0800 : 0x86dd)
    const from = family === 4 ? IpAddress.v4(0x0a000009) : parseIpAddress('fd00::9')
    const to = family === 4 ? parseIpAddress('192.0.2.1') : parseIpAddress('2001:db8::1')
    if (family === 4) {
      frame.set([0x45, 0, (header + body.length) >> 8, (header + body.length) & 255, 0, 0, 0, 0, ttl, protocol], 14)
      frame.set([...toBytes(from), ...toBytes(to)], 26)
    } else {
      frame.set([0x60, 0, 0, 0, body.length >> 8, body.length & 255, protocol, ttl], 14)
      frame.set([...toBytes(from), ...toBytes(to)], 22)
    }
    frame.set(body, ETHERNET_HEADER + header)
    for (const [at, octet] of spoilt) if (at < frame.length) frame[at] = octet
    return cut < frame.length ? frame.subarray(0, frame.length - cut) : frame
  })

/** The sum of an answer's ICMP or TCP part, which is 0 when it is right. */
function sumOf(answer: Uint8Array, protocol: number): number {
  const isFour = answer[12] === 0x08
  const at = isFour ? 34 : 54
  const addresses = isFour ? answer.subarray(26, 34) : answer.subarray(22, 54)
  const pseudo =
    protocol === 1 ? 0 : [...addresses].reduce((sum, octet, i) => sum + (i % 2 === 0 ? octet << 8 : octet), 0)
  return checksum(answer.subarray(at), pseudo + (protocol === 1 ? 0 : protocol + answer.length - at))
}

describe('what a gateway reads', () => {
  test('arbitrary octets never throw, and nothing is read past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(8), (octets, offset) => {
        const memory = Uint8Array.of(...new Uint8Array(offset), ...octets, 255, 255, 255, 255)
        isOfInterest(memory, offset, octets.length)
        const packet = parsePacket(octets)
        if (packet !== null) expect(packet.transportAt).toBeLessThanOrEqual(octets.length + 60)
      }),
      { numRuns: 2000 },
    )
  })

  test('what it says about whatever comes is well formed', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const packet = parsePacket(frame)
        if (packet === null) return
        const { family, protocol } = packet as Packet
        const icmp = family === 4 ? 1 : 58
        const error = icmpError(packet, MAC, GATEWAY[family], 'time-exceeded')
        expect(sumOf(error, icmp)).toBe(0)
        expect(error.length).toBeLessThanOrEqual(1294)
        if (protocol === 6) expect(sumOf(reset(packet, MAC), 6)).toBe(0)
        if (protocol === icmp && packet.end <= frame.length && packet.end >= packet.transportAt + 8) {
          expect(sumOf(echoReply(packet, MAC, 64), icmp)).toBe(0)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
