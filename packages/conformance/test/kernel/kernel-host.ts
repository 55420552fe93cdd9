/**
 * Linux as a host on a network of ours: a namespace, joined by a TAP interface whose other end is a link for a stack; and Linux as a router
 * to one more host behind it.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { openVnl } from '@ioth/vde'
import { KernelProgram } from './kernel-program.ts'
import { Namespace } from './namespace.ts'

let made = 0

/** A name for an interface; it must be free in the namespace of the host for a moment. */
const deviceName = (): string => `it${process.pid}x${++made}`

/** A host behind the router. */
export interface FarHost {
  readonly namespace: Namespace
  readonly program: KernelProgram
}

export class KernelHost {
  readonly namespace: Namespace
  readonly program: KernelProgram
  /** The stack's end of the cable. */
  readonly link: Link
  readonly device: string
  private readonly far: FarHost[] = []

  private constructor(namespace: Namespace, link: Link, device: string) {
    this.namespace = namespace
    this.program = new KernelProgram(namespace)
    this.link = link
    this.device = device
  }

  /** @param addresses of the kernel's end, in CIDR notation. */
  static async create(
    addresses: readonly string[],
    mtu: number,
    shared: { readonly scheduler: Scheduler; readonly pool: FramePool },
  ): Promise<KernelHost> {
    const namespace = await Namespace.create()
    const device = deviceName()
    const link = await openVnl(`tap://${device}`, { mtu, ...shared })
    execFileSync('ip', ['link', 'set', device, 'netns', String(namespace.pid)])
    bringUp(namespace, device, mtu, addresses)
    return new KernelHost(namespace, link, device)
  }

  /**
   * Makes this host a router, and one more host behind it, on a link of its own.
   * @param near addresses of the router's end, in CIDR notation; the first of each family is the far host's gateway.
   * @param far addresses of the far host.
   * @param mtu of what the router sends there: neither end is told.
   */
  async addHostBehind(near: readonly string[], far: readonly string[], mtu = 1500): Promise<FarHost> {
    const namespace = await Namespace.create()
    const [here, there] = [deviceName(), deviceName()]
    this.namespace.run(`ip link add ${here} type veth peer name ${there} netns ${namespace.pid}`)
    this.namespace.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
    bringUp(this.namespace, here, 1500, near)
    bringUp(namespace, there, 1500, far)
    for (const address of far) this.namespace.run(`ip route add ${host(address)} dev ${here} mtu lock ${mtu}`)
    for (const address of near) namespace.run(`ip route add default via ${host(address)}`)
    const added = { namespace, program: new KernelProgram(namespace) }
    this.far.push(added)
    return added
  }

  async close(): Promise<void> {
    await this.link.close()
    for (const { namespace } of this.far) await namespace.close()
    await this.namespace.close()
  }
}

/** `10.0.0.1` of `10.0.0.1/24`. */
const host = (cidr: string): string => cidr.split('/')[0] as string

function bringUp(namespace: Namespace, device: string, mtu: number, addresses: readonly string[]): void {
  // Duplicate address detection of the kernel's own would only make the tests slower.
  namespace.run(`sysctl -qw net.ipv6.conf.${device}.accept_dad=0`)
  namespace.run(`ip link set ${device} mtu ${mtu} up`)
  for (const address of addresses)
    namespace.run(`ip addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`)
}
