/**
 * Interfaces of the host's kernel, by the command `ip`.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { type Cidr, formatCidr } from '@ioth/core'
import { networkError } from '../vnl/switch-directory.ts'

/** What the kernel says of an interface. */
export interface HostInterface {
  readonly name: string
  readonly mac: string
  readonly isUp: boolean
  /** In CIDR notation. */
  readonly addresses: readonly string[]
}

interface IpAddrJson {
  readonly ifname: string
  readonly address?: string
  readonly flags: readonly string[]
  readonly addr_info: readonly { readonly local?: string; readonly prefixlen?: number }[]
}

/** @returns all interfaces of this network namespace. @throws NetError ERR_IOTH_NETWORK */
export function hostInterfaces(): HostInterface[] {
  const said = JSON.parse(ip('-json', 'addr', 'show')) as IpAddrJson[]
  return said
    .filter(({ ifname }) => ifname !== undefined)
    .map(({ ifname, address = '', flags, addr_info }) => ({
      name: ifname,
      mac: address,
      isUp: flags.includes('UP'),
      addresses: addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }))
}

export function findInterface(name: string): HostInterface | null {
  return hostInterfaces().find((each) => each.name === name) ?? null
}

/** `tap0`, or the first one after it that is free. */
export function freeTapName(): string {
  const taken = new Set(hostInterfaces().map(({ name }) => name))
  for (let number = 0; ; number++) if (!taken.has(`tap${number}`)) return `tap${number}`
}

/** Who looks for duplicates is the switch's register: the kernel need not wait for its own search. */
export function addAddress(name: string, address: Cidr): void {
  const quick = address.address.family === 6 ? ['nodad'] : []
  ip('addr', 'add', formatCidr(address), 'dev', name, ...quick)
}

export function removeAddress(name: string, address: string): void {
  ip('addr', 'del', address, 'dev', name)
}

export function setUp(name: string, isUp: boolean): void {
  ip('link', 'set', name, isUp ? 'up' : 'down')
}

function ip(...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' })
  if (status === 0) return stdout
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    throw networkError('the command ip is not installed. Type: apt-get install iproute2')
  }
  throw networkError(`"ip ${words.join(' ')}" failed: ${(error?.message ?? stderr).trim()}. See what there is: ip addr`)
}
