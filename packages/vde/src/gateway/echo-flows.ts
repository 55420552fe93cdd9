/**
 * Pings through a gateway: a request is asked again by the host, and answered as the host was answered.
 *
 * @module
 */
import { ICMP_HEADER, type IpAddress } from '@ioth/core'
import { echoReply, icmpError } from './answers.ts'
import type { HostPing } from './host-ping.ts'
import type { Packet } from './packet.ts'

export interface EchoFlowsOptions {
  readonly ping: HostPing
  /** Hardware address of the gateway. */
  readonly mac: Uint8Array
  readonly say: (frame: Uint8Array) => void
}

/** What is left of a reply's life, where the host does not tell. */
const REPLY_TTL = 64

export class EchoFlows {
  readonly counters = { asked: 0, answered: 0, silent: 0 }
  private readonly options: EchoFlowsOptions

  constructor(options: EchoFlowsOptions) {
    this.options = options
  }

  /** @param request whole. @param to whom the host asks. */
  ask(request: Packet, to: IpAddress): void {
    const { ping, mac, say } = this.options
    this.counters.asked++
    const data = request.frame.subarray(request.transportAt + ICMP_HEADER, request.end)
    void ping.ping(to, data, request.ttl - 1).then((answer) => {
      if (answer === null) {
        this.counters.silent++
        return
      }
      this.counters.answered++
      if (answer.kind === 'reply') say(echoReply(request, mac, REPLY_TTL))
      else {
        const trouble = answer.kind === 'time-exceeded' ? 'time-exceeded' : 'host-unreachable'
        say(icmpError(request, mac, answer.from, trouble))
      }
    })
  }

  close(): void {
    this.options.ping.close()
  }
}
