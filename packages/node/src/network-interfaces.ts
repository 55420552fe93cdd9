/**
 * `os.networkInterfaces()` of a process whose network is a stack: frameworks print their URLs from it.
 *
 * @module
 */
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import type { InterfaceAddress, Stack } from '@ioth/core'
import type { Choices } from './choices.ts'

type Entry = os.NetworkInterfaceInfo

let replaced = false

/** From now on the function answers for the network of the code that calls it. */
export function showInterfaces(choices: Choices): void {
  if (replaced) return
  replaced = true
  const native = os.networkInterfaces
  os.networkInterfaces = function networkInterfaces() {
    const stack = choices.current
    return stack === null ? native() : describe(stack)
  }
  syncBuiltinESMExports()
}

function describe(stack: Stack): NodeJS.Dict<Entry[]> {
  const loopback = [entry('127.0.0.1', 'IPv4', 8, NO_MAC, true)]
  if (stack.capabilities.ipv6) loopback.push(entry('::1', 'IPv6', 128, NO_MAC, true))
  const all: NodeJS.Dict<Entry[]> = { lo: loopback }
  for (const { name, mac, addresses } of stack.interfaces) {
    all[name] = addresses.map(({ address, prefixLength }: InterfaceAddress) =>
      entry(
        address.withScope(0).toString(),
        address.family === 4 ? 'IPv4' : 'IPv6',
        prefixLength,
        mac,
        false,
        address.scope,
      ),
    )
  }
  return all
}

const NO_MAC = '00:00:00:00:00:00'

function entry(
  address: string,
  family: 'IPv4' | 'IPv6',
  prefixLength: number,
  mac: string,
  internal: boolean,
  scopeid = 0,
): Entry {
  const common = { address, netmask: netmask(family, prefixLength), mac, internal, cidr: `${address}/${prefixLength}` }
  return family === 'IPv4' ? { ...common, family } : { ...common, family, scopeid }
}

/** The mask of a prefix in text, as Node writes it: `255.255.255.0`, `ffff:ffff:ffff:ffff::`. */
function netmask(family: 'IPv4' | 'IPv6', prefixLength: number): string {
  const [size, count, radix] = family === 'IPv4' ? [8, 4, 10] : [16, 8, 16]
  const groups = Array.from({ length: count as number }, (_, i) => {
    const ones = Math.max(0, Math.min(size as number, prefixLength - i * (size as number)))
    return ((2 ** (size as number) - 2 ** ((size as number) - ones)) >>> 0).toString(radix as number)
  })
  if (family === 'IPv4') return groups.join('.')
  const full = groups.filter((group) => group !== '0')
  return full.length === groups.length ? groups.join(':') : `${full.join(':')}::`
}
