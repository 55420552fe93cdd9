/**
 * Connections that no socket holds: those of closed sockets, those nobody has accepted, and TIME-WAIT. A listing shows them; nothing can
 * be done with them.
 *
 * @module
 */
import { type Endpoint, type IpAddress, NetError, Pollable, type Scheduler, type SocketInfo } from '@ioth/core'
import { tcpInfo } from '../tcp/info.ts'
import { stateName, TIME_WAIT } from '../tcp/state.ts'
import type { Tcp } from '../tcp/tcp.ts'

/** Four-tuple of a {@link Tcb} or a {@link TimeWaitEntry}. */
interface Tuple {
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
}

class Remnant extends Pollable implements Endpoint {
  readonly scheduler: Scheduler
  readonly localAddress: IpAddress
  readonly localPort: number
  readonly remoteAddress: IpAddress
  readonly remotePort: number
  readonly error: NetError | null = null

  constructor(scheduler: Scheduler, { local, localPort, remote, remotePort }: Tuple) {
    super()
    this.scheduler = scheduler
    this.localAddress = local
    this.localPort = localPort
    this.remoteAddress = remote
    this.remotePort = remotePort
  }

  bind(): void {
    throw new NetError('EBADF', 'bind')
  }

  setOption(): void {
    throw new NetError('EBADF', 'setsockopt')
  }

  getOption(): number {
    throw new NetError('EBADF', 'getsockopt')
  }

  close(): void {}
}

/** Connections without a socket, as a listing shows them. */
export function remnants(tcp: Tcp): SocketInfo[] {
  const transport = 'tcp'
  const infos: SocketInfo[] = []
  for (const { user, tcb } of tcp.list()) {
    if (user !== null) continue
    const endpoint = new Remnant(tcp.scheduler, tcb)
    infos.push({ endpoint, transport, state: stateName(tcb.state), tcp: tcpInfo(tcb) })
  }
  for (const entry of tcp.timeWait.list()) {
    infos.push({ endpoint: new Remnant(tcp.scheduler, entry), transport, state: stateName(TIME_WAIT) })
  }
  return infos
}
