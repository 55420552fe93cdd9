/**
 * A name server on a host of a LAN that says what a test says, in octets.
 *
 * @module
 */
import { type DatagramSocket, listen, openDatagram } from '@ioth/core'
import { craftDns, type DnsAsked, type DnsFields, readDnsQuery } from '../craft/dns.ts'
import type { Host } from './host.ts'

export interface NameQuery extends DnsAsked {
  /** Microseconds. */
  readonly time: number
  readonly port: number
  readonly overTcp: boolean
}

/** A message, several, or nothing; what is not said is as the question has it. */
export type NameReply = Partial<DnsFields> | Uint8Array | readonly (Partial<DnsFields> | Uint8Array)[] | null

export class ScriptedNameServer {
  readonly asked: NameQuery[] = []
  private readonly host: Pick<Host, 'stack' | 'address'>
  private readonly answer: (query: NameQuery) => NameReply

  constructor(host: Pick<Host, 'stack' | 'address'>, answer: (query: NameQuery) => NameReply) {
    this.host = host
    this.answer = answer
    void this.serveDatagrams(openDatagram(host.stack, { port: 53 }))
    void this.serveConnections()
  }

  private async serveDatagrams(socket: DatagramSocket): Promise<void> {
    try {
      for await (const { data, address, port } of socket) {
        for (const reply of this.replies(data, port, false)) await socket.send(reply, { host: address, port })
      }
    } catch {
      // The LAN is closed.
    }
  }

  private async serveConnections(): Promise<void> {
    try {
      for await (const connection of listen(this.host.stack, { port: 53, host: this.host.address })) {
        const query = await connection.read()
        if (query === null) continue
        for (const reply of this.replies(query.subarray(2), connection.remotePort, true)) {
          await connection.write(Uint8Array.of(reply.length >> 8, reply.length & 255))
          await connection.write(reply)
        }
        await connection.close()
      }
    } catch {
      // The LAN is closed.
    }
  }

  private replies(data: Uint8Array, port: number, overTcp: boolean): Uint8Array[] {
    const query: NameQuery = { ...readDnsQuery(data), time: this.host.stack.scheduler.clock.now, port, overTcp }
    this.asked.push(query)
    const reply = this.answer(query)
    if (reply === null) return []
    const several = Array.isArray(reply) ? (reply as readonly (Partial<DnsFields> | Uint8Array)[]) : [reply]
    return several.map((each) =>
      each instanceof Uint8Array ? each : craftDns({ id: query.id, question: query.question, ...each }),
    )
  }
}
