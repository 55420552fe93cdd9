import { createVirtualScheduler } from '@ioth/core'
import { makeSegment, PacketView } from '@ioth/ffi'
import { expect, it } from 'vitest'
import { Flows } from './flows.ts'
import { PortAliases } from './port-aliases.ts'

const LINK = new Uint8Array(14)
LINK.set([8, 0], 12)
const [SYN_ACK, ACK] = [0x12, 0x10]

type Sending = (flags: number, sequence: number, acknowledgment: number, octets?: number) => PacketView

/** What becomes of segments that the library sends on one connection. */
function connection(): Sending {
  const flows = new Flows(createVirtualScheduler({ seed: 1 }).clock, new PortAliases(() => false))
  return (flags, sequence, acknowledgment, octets = 0) => {
    const [source, destination] = [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)]
    const ends = { linkHeader: LINK, family: 4, source, destination, sourcePort: 80, destinationPort: 1024 } as const
    const bare = makeSegment(ends, { flags, sequence, acknowledgment })
    const frame = new Uint8Array(bare.length + octets)
    frame.set(bare)
    const packet = new PacketView()
    expect(packet.read(frame, 0, frame.length, LINK.length)).toBe(true)
    packet.endAt(frame.length)
    flows.sent(packet, frame, 0, LINK.length, 80)
    expect(packet.isSummed).toBe(true)
    return packet
  }
}

it('a segment that waited while later ones left acknowledges no less than they did, and a new connection begins anew', () => {
  const sent = connection()
  const steps = [
    [SYN_ACK, 1000],
    [ACK, 9000],
    [ACK, 5000],
    [ACK, 9001],
    [SYN_ACK, 77],
    [ACK, 78],
  ] as const
  expect(steps.map(([flags, number]) => sent(flags, 1, number).acknowledgment)).toEqual([
    1000, 9000, 9000, 9001, 77, 78,
  ])
})

it('an acknowledgement comes from where the connection is, not from a segment that was repeated', () => {
  const sent = connection()
  const steps = [
    [SYN_ACK, 99, 0],
    [ACK, 100, 50],
    [ACK, 150, 50],
    [ACK, 100, 50],
    [ACK, 150, 0],
    [ACK, 199, 0],
    [ACK, 200, 10],
    [SYN_ACK, 70, 0],
    [ACK, 71, 0],
  ] as const
  expect(steps.map(([flags, sequence, octets]) => sent(flags, sequence, 1, octets).sequence)).toEqual([
    99, 100, 150, 100, 200, 199, 200, 70, 71,
  ])
})
