import { createVirtualScheduler } from '@ioth/core'
import { makeSegment, PacketView } from '@ioth/ffi'
import { expect, it } from 'vitest'
import { Flows } from './flows.ts'
import { PortAliases } from './port-aliases.ts'

const LINK = new Uint8Array(14)
LINK.set([8, 0], 12)
const [SYN_ACK, ACK] = [0x12, 0x10]

it('a segment that waited while later ones left acknowledges no less than they did, and a new connection begins anew', () => {
  const flows = new Flows(createVirtualScheduler({ seed: 1 }).clock, new PortAliases(() => false))
  const sent = (flags: number, acknowledgment: number): PacketView => {
    const [source, destination] = [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)]
    const ends = { linkHeader: LINK, family: 4, source, destination, sourcePort: 80, destinationPort: 1024 } as const
    const frame = makeSegment(ends, { flags, sequence: 1, acknowledgment })
    const packet = new PacketView()
    expect(packet.read(frame, 0, frame.length, LINK.length)).toBe(true)
    flows.sent(packet, frame, 0, LINK.length, 80)
    expect(packet.isSummed).toBe(true)
    return packet
  }
  const steps = [
    [SYN_ACK, 1000],
    [ACK, 9000],
    [ACK, 5000],
    [ACK, 9001],
    [SYN_ACK, 77],
    [ACK, 78],
  ] as const
  expect(steps.map(([flags, number]) => sent(flags, number).acknowledgment)).toEqual([1000, 9000, 9000, 9001, 77, 78])
})
