/**
 * A host with a world behind it, made of network namespaces: host (198.51.100.1), router, and a server with a web site, a name server, and an
 * echo of datagrams (203.0.113.7). Needs root and Linux.
 *
 * @module
 */
import { onTestFinished } from 'vitest'
import { missingHere, Namespace } from '../../../conformance/test/kernel/namespace.ts'
import { iothProgram, programs, type Running, start } from './processes.ts'

/** What keeps a test of namespaces from running here; nothing: it runs. Under CI it must. */
const missing: string | null = missingHere()
export const skipNamespaces: boolean = missing !== null && !process.env.CI
export const whyNamespaces: string = missing === null ? '' : ` (skipped: ${missing})`

export async function namespace(): Promise<Namespace> {
  const made = await Namespace.create()
  onTestFinished(() => made.close())
  return made
}

/** Starts a program in a namespace. */
export function startIn(within: Namespace, program: string, args: readonly string[], options = {}): Running {
  return start('nsenter', [`--net=/proc/${within.pid}/ns/net`, program, ...args], options)
}

/** Starts `ioth` in a namespace. */
export function iothIn(within: Namespace, words: string | readonly string[], options = {}): Running {
  const args = typeof words === 'string' ? words.split(' ') : words
  return startIn(within, process.execPath, [iothProgram, ...args], options)
}

/** Joins two namespaces by a cable with addresses on both ends. */
export function cable(a: Namespace, b: Namespace, name: string, ends: readonly (readonly [string, string])[]): void {
  a.run(`ip link add ${name}a type veth peer name ${name}b`)
  a.run(`ip link set ${name}b netns ${b.pid}`)
  for (const [left, right] of ends) {
    const quick = left.includes(':') ? ' nodad' : ''
    a.run(`ip addr add ${left} dev ${name}a${quick}`)
    b.run(`ip addr add ${right} dev ${name}b${quick}`)
  }
  a.run(`ip link set ${name}a up`)
  b.run(`ip link set ${name}b up`)
}

export interface World {
  readonly host: Namespace
  readonly server: Namespace
}

/** @returns when the server answers. */
export async function world(): Promise<World> {
  const [host, router, server] = [await namespace(), await namespace(), await namespace()]
  cable(host, router, 'h', [
    ['198.51.100.1/24', '198.51.100.2/24'],
    ['2001:db8:1::1/64', '2001:db8:1::2/64'],
  ])
  cable(router, server, 's', [
    ['203.0.113.1/24', '203.0.113.7/24'],
    ['2001:db8:2::1/64', '2001:db8:2::7/64'],
  ])
  router.run('sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
  host.run('ip route add default via 198.51.100.2')
  host.run('ip -6 route add default via 2001:db8:1::2')
  server.run('ip route add default via 203.0.113.1')
  server.run('ip -6 route add default via 2001:db8:2::1')
  const site = startIn(server, process.execPath, [`${programs}/world.mjs`])
  await site.prints(/the world is there/)
  const names = startIn(server, 'dnsmasq', [
    '--keep-in-foreground',
    '--no-resolv',
    '--no-hosts',
    '--log-facility=-',
    '--log-queries',
    '--address=/www.example.test/203.0.113.7',
    '--address=/www.example.test/2001:db8:2::7',
    '--address=/only4.example.test/203.0.113.7',
    '--txt-record=text.example.test,from the world',
    '--pid-file=',
  ])
  await names.prints(/started/)
  return { host, server }
}
