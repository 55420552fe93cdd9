/**
 * Connections by the host's network, as far as a report counts them.
 *
 * @module
 */
import type { NativeRequest, NativeTcp } from './native.ts'
import type { Followed, Traffic } from './report/traffic.ts'

interface Counters extends NativeTcp {
  readonly bytesRead: number
  readonly bytesWritten: number
}

export class HostConnections {
  private readonly environment: { readonly traffic: Traffic | null }
  private readonly followed = new WeakMap<NativeTcp, Followed>()

  constructor(environment: { readonly traffic: Traffic | null }) {
    this.environment = environment
  }

  /** A native handle is about to connect. @param rule of `--host`; null: the program chose the host. */
  begin(handle: NativeTcp, request: NativeRequest, address: string, port: number, rule: string | null): void {
    const { traffic } = this.environment
    if (traffic === null) return
    const counters = handle as Counters
    const place = { direction: 'out', protocol: 'tcp', address, port, network: 'host', rule } as const
    const followed = traffic.follow(place, () => [counters.bytesWritten ?? 0, counters.bytesRead ?? 0])
    this.followed.set(handle, followed)
    const { oncomplete } = request
    request.oncomplete = function (status, ...rest) {
      if (status < 0) followed.failed()
      oncomplete?.call(this, status, ...rest)
    }
  }

  end(handle: NativeTcp): void {
    this.followed.get(handle)?.end()
  }
}
