/**
 * Arbitrary frames: noise, noise behind right headers, and valid frames with a few octets changed (H-01, H-12, H-13, H-43).
 *
 * @module
 */
import fc from 'fast-check'
import { internetChecksum } from '../checker/octets.ts'
import { craftArp, craftEthernet, craftIcmp, craftIpv4, craftTcp, craftUdp } from '../craft/craft.ts'

/** Whom the frames are for, and whom they claim to be from. */
export interface Parties {
  readonly victim: { readonly mac: readonly number[]; readonly ip: readonly number[]; readonly port: number }
  readonly source: { readonly mac: readonly number[]; readonly ip: readonly number[]; readonly port: number }
}

/** Changes to octets of a frame: where (as a share of its length) and to what. */
interface Mutation {
  readonly changes: readonly { readonly at: number; readonly octet: number }[]
  /** Cut off behind this share of the frame. */
  readonly keep: number
  readonly repair: boolean
}

const octets = (most: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: most })

const mutation: fc.Arbitrary<Mutation> = fc.record({
  changes: fc.array(fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), octet: fc.nat(255) }), {
    maxLength: 8,
  }),
  keep: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
  repair: fc.boolean(),
})

export function hostileFrame({ victim, source }: Parties): fc.Arbitrary<Uint8Array> {
  const ip = { source: source.ip, destination: victim.ip }
  const ethernet = (payload: Uint8Array, type = 0x800): Uint8Array =>
    craftEthernet({ source: source.mac, destination: victim.mac, type }, payload)
  const type = fc.constantFrom(0x800, 0x806, 0x86dd, 0x8100, 0x88a8, 0x1234, 40)
  const ipOptions = fc.oneof(fc.constant<number[]>([]), fc.array(fc.nat(255), { minLength: 40, maxLength: 40 }))
  const tcpOptions = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 10), fc.nat(255)), { maxLength: 40 })
  const number = fc.oneof(
    fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  )
  const tcp = fc
    .record({
      flags: fc.subarray([...'FSRPAU']).map((letters) => letters.join('')),
      sequence: number,
      acknowledgment: number,
      window: fc.nat(65535),
      urgentPointer: fc.nat(65535),
      options: tcpOptions,
      ipOptions,
      data: octets(64),
      known: fc.boolean(),
    })
    .map(({ data, ipOptions: options, known, ...fields }) =>
      ethernet(
        craftTcp(
          { ...ip, options },
          { ...fields, sourcePort: known ? source.port : 7, destinationPort: victim.port },
          data,
        ),
      ),
    )
  const fragment = fc
    .record({
      id: fc.nat(3),
      flags: fc.nat(7),
      offset: fc.nat(8191),
      data: octets(200),
      protocol: fc.constantFrom(1, 6, 17, 99),
    })
    .map(({ id, flags, offset, data, protocol }) =>
      ethernet(craftIpv4({ ...ip, id, flags, fragmentOffset: offset * 8, protocol }, data)),
    )
  const icmp = fc
    .record({
      kind: fc.nat(255),
      code: fc.nat(20),
      rest: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      body: octets(80),
    })
    .map(({ kind, code, rest, body }) => ethernet(craftIcmp(ip, { type: kind, code, rest }, body)))
  const quoting = fc
    .record({
      kind: fc.constantFrom(3, 4, 5, 11, 12),
      code: fc.nat(15),
      rest: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      sequence: number,
    })
    .map(({ kind, code, rest, sequence }) => {
      const quoted = craftTcp(
        { source: victim.ip, destination: source.ip },
        { sourcePort: victim.port, destinationPort: source.port, flags: 'A', sequence },
      )
      return ethernet(craftIcmp(ip, { type: kind, code, rest }, quoted.subarray(0, 28)))
    })
  const udp = fc
    .record({ length: fc.nat(100), data: octets(64), port: fc.nat(65535) })
    .map(({ length, data, port }) => ethernet(craftUdp(ip, { sourcePort: port, destinationPort: port, length }, data)))
  const arp = fc
    .record({ operation: fc.nat(4), hardwareType: fc.nat(3), hardwareLength: fc.nat(8), protocolLength: fc.nat(8) })
    // The sender is somebody nobody talks to: lies about neighbours are another test.
    .map((fields) =>
      ethernet(
        craftArp({ ...fields, senderMac: source.mac, senderAddress: [10, 0, 0, 250], targetAddress: victim.ip }),
        0x806,
      ),
    )
  const shaped = fc.oneof(tcp, fragment, icmp, quoting, udp, arp)
  return fc.oneof(
    { weight: 1, arbitrary: octets(100) },
    { weight: 1, arbitrary: fc.tuple(octets(100), type).map(([payload, kind]) => ethernet(payload, kind)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(octets(100), fc.nat(255))
        .map(([payload, protocol]) => ethernet(craftIpv4({ ...ip, protocol }, payload))),
    },
    { weight: 4, arbitrary: shaped },
    { weight: 4, arbitrary: fc.tuple(shaped, mutation).map(([frame, change]) => mutate(frame, change)) },
  )
}

/** Mutated ARP would be a lie about a neighbour, so its addresses stay. */
function mutate(frame: Uint8Array, { changes, keep, repair }: Mutation): Uint8Array {
  const copy = frame.slice(0, Math.ceil(frame.length * keep))
  const isArp = frame[12] === 8 && frame[13] === 6
  for (const { at, octet } of changes) {
    const place = Math.floor(at * copy.length)
    if (place >= 14 && !(isArp && place >= 22)) copy[place] = octet
  }
  if (repair && !isArp && copy.length >= 34) {
    const length = Math.min(copy.length - 14, ((copy[14] as number) & 15) * 4)
    copy[24] = 0
    copy[25] = 0
    const sum = internetChecksum(copy.subarray(14, 14 + length))
    copy[24] = sum >> 8
    copy[25] = sum & 255
  }
  return copy
}
