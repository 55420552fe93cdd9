/**
 * The text of ping(8) as users know it, and the numbers in it.
 *
 * @module
 */

/** Collects the outcomes of echo requests and puts them in words. */
export class PingText {
  private readonly target: string
  private readonly source: string
  private readonly name: string
  private sent = 0
  private received = 0
  private errors = 0
  private readonly times: number[] = []

  /**
   * @param source our own address: who says that a neighbour is not there.
   * @param name as the user wrote the target.
   */
  constructor(target: string, source: string, name: string = target) {
    this.target = target
    this.name = name
    this.source = source
  }

  /** Whether at least one reply came: exit code 0. */
  get answered(): boolean {
    return this.received > 0
  }

  /** @param size octets of data; in IPv4 the ICMP and IP headers make 28 more. */
  header(size: number): string {
    const octets = this.target.includes(':') ? `${size} data bytes` : `${size}(${size + 28}) bytes of data.`
    return `PING ${this.name} (${this.target}) ${octets}`
  }

  /** A request leaves. ping(8) is silent about one that nobody answered; its statistics tell. */
  sending(): void {
    this.sent++
  }

  /** @param size octets of data that came back. */
  reply(sequence: number, size: number, ttl: number, microseconds: number): string {
    this.received++
    this.times.push(microseconds / 1000)
    return `${size + 8} bytes from ${this.target}: icmp_seq=${sequence} ttl=${ttl} time=${significant(microseconds / 1000)} ms`
  }

  unreachable(sequence: number): string {
    this.errors++
    return `From ${this.source} icmp_seq=${sequence} Destination Host Unreachable`
  }

  /** A router turned the request back. */
  refused(sequence: number, router: string, kind: 'time-exceeded' | 'unreachable'): string {
    this.errors++
    const reason = kind === 'unreachable' ? 'Destination Host Unreachable' : 'Time to live exceeded'
    return `From ${router} icmp_seq=${sequence} ${reason}`
  }

  statistics(elapsedMs: number): string {
    const loss = this.sent === 0 ? 0 : (100 * (this.sent - this.received)) / this.sent
    const errors = this.errors === 0 ? '' : ` +${this.errors} errors,`
    const lines = [
      '',
      `--- ${this.name} ping statistics ---`,
      `${this.sent} packets transmitted, ${this.received} received,${errors} ${Number(loss.toPrecision(6))}% packet loss, time ${Math.round(elapsedMs)}ms`,
    ]
    if (this.received > 0) {
      const mean = this.times.reduce((sum, time) => sum + time, 0) / this.received
      const deviation = Math.sqrt(
        Math.max(0, this.times.reduce((sum, time) => sum + time * time, 0) / this.received - mean * mean),
      )
      const figures = [Math.min(...this.times), mean, Math.max(...this.times), deviation]
      lines.push(`rtt min/avg/max/mdev = ${figures.map((figure) => figure.toFixed(3)).join('/')} ms`)
    }
    return lines.join('\n')
  }
}

/** Three significant digits, as ping(8) prints times: 0.123, 1.23, 12.3, 123. */
function significant(ms: number): string {
  if (ms >= 100) return ms.toFixed(0)
  if (ms >= 10) return ms.toFixed(1)
  return ms >= 1 ? ms.toFixed(2) : ms.toFixed(3)
}
