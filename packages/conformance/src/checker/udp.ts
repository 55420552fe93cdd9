/**
 * UDP (RFC 768), as a host may send it.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import { type IpPacket, transportChecksum } from './ip.ts'
import { hex, u16 } from './octets.ts'

const UDP_HEADER = 8

export interface UdpDatagram {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly data: Uint8Array
}

export function checkUdp(packet: IpPacket, datagram: Uint8Array, findings: Findings): UdpDatagram | null {
  if (!findings.expect(datagram.length >= UDP_HEADER, 'udp.length', `${datagram.length} octets are no header`))
    return null
  const length = u16(datagram, 4)
  findings.expect(length === datagram.length, 'udp.length', `length ${length}, but ${datagram.length} octets are there`)
  findings.expect(u16(datagram, 2) !== 0, 'udp.port', 'destination port 0')
  const checksum = u16(datagram, 6)
  if (findings.expect(checksum !== 0, 'udp.checksum-absent', 'sent without a checksum'))
    findings.expect(transportChecksum(packet, datagram) === 0, 'udp.checksum', `checksum ${hex(checksum)} is wrong`)
  return {
    sourcePort: u16(datagram, 0),
    destinationPort: u16(datagram, 2),
    data: datagram.subarray(UDP_HEADER),
  }
}
