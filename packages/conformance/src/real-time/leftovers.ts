/**
 * Nothing is left of sockets that ended, in whatever way (P-11), as far as it can be seen without hours of virtual time.
 *
 * @module
 */
import { ERROR, READABLE, type TcpSocket } from '@ioth/core'
import { expect } from 'vitest'
import type { Host } from '../lan/host.ts'
import { introduce } from '../lan/introduce.ts'
import { Service } from '../lan/service.ts'
import type { Scene, Suite } from '../suite.ts'
import { exchange } from './events.ts'
import { PATIENCE_MS } from './lines.ts'

export function leftovers(suite: Suite): void {
  suite.test('P-11 real time: sockets leave nothing behind, however they end', async (scene) => {
    const { lan, a, b } = scene
    await introduce(lan, a, b)
    const services = [new Service(a, 80), new Service(b, 80)] as const
    const before = held(scene)
    for (const [service, from] of [
      [services[0], b],
      [services[1], a],
    ] as const) {
      await exchange(lan, service, from, 20_000)
      await halfClosed(scene, service, from)
      await brokenOff(scene, service, from, 'client')
      await brokenOff(scene, service, from, 'server')
      await refused(scene, service.host, from)
      abandoned(service, from)
      datagrams(suite, service.host, from)
    }
    await lan.until(
      () => differences(held(scene), before).length === 0,
      PATIENCE_MS,
      () => `nothing to be left: ${differences(held(scene), before).join(', ')}`,
    )
  })

  suite.test('P-11 real time: a stack that is closed leaves no memory and no port behind', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    const slots = lan.pool.used
    const third = await lan.join({ ...suite.host(), name: 'third' })
    const service = new Service(third, 80)
    await exchange(lan, service, b, 20_000)
    const unread = service.converse(
      b,
      { send: 20_000, finish: 'never' },
      { send: 20_000, paused: true, finish: 'never' },
    )
    await lan.until(
      () => unread.server !== null && (unread.server.socket.ready & READABLE) !== 0,
      PATIENCE_MS,
      () => `octets that nobody reads: ${unread}`,
    )
    await lan.settled(third.stack.close(), PATIENCE_MS)
    expect(third.ports.size, 'ports').toBe(0)
    expect([...third.stack.sockets()], 'sockets').toEqual([])
    unread.client.socket.reset()
    await lan.until(
      () => lan.pool.used <= slots,
      PATIENCE_MS,
      () => `the memory of frames to be given back: ${lan.pool.used} of ${slots} octets`,
    )
  })
}

/** What the sockets of both hosts hold. A connection in TIME-WAIT, and its port, may be remembered. */
function held({ lan, a, b }: Scene): Record<string, number> {
  const counts: Record<string, number> = { 'octets of frames': lan.pool.used }
  for (const { name, stack, ports } of [a, b]) {
    const states = Array.from(stack.sockets(), ({ state }) => state)
    const remembered = states.filter((state) => state === 'TIME-WAIT').length
    counts[`sockets of ${name}`] = states.length - remembered
    counts[`ports of ${name}`] = ports.size - remembered
    counts[`lingering sockets of ${name}`] = stack.lingering
  }
  return counts
}

function differences(now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): string[] {
  return Object.entries(now)
    .filter(([name, count]) => count > (before[name] as number))
    .map(([name, count]) => `${count} ${name}, ${before[name]} before`)
}

async function halfClosed({ lan }: Scene, service: Service, from: Host): Promise<void> {
  const talk = service.converse(from, { send: 100, finish: 'after-peer' }, { send: 100 })
  await lan.until(
    () => talk.isDone,
    PATIENCE_MS,
    () => `${talk}`,
  )
}

/** One side resets, with octets unread on both. */
async function brokenOff({ lan }: Scene, service: Service, from: Host, who: 'client' | 'server'): Promise<void> {
  const unread = { send: 5000, paused: true, finish: 'never' } as const
  const talk = service.converse(from, unread, unread)
  const isReadable = (socket: TcpSocket | undefined): boolean => ((socket?.ready ?? 0) & READABLE) !== 0
  await lan.until(
    () => isReadable(talk.client.socket) && isReadable(talk.server?.socket),
    PATIENCE_MS,
    () => `octets on both sides: ${talk}`,
  )
  const [one, other] = who === 'client' ? [talk.client, talk.server] : [talk.server, talk.client]
  one?.socket.reset()
  other?.resume()
  await lan.until(
    () => other?.isOver === true || other?.incoming.endSeen === true,
    PATIENCE_MS,
    () => `the ${who}'s reset to be seen: ${talk}`,
  )
  other?.socket.close()
}

async function refused({ lan }: Scene, to: Host, from: Host): Promise<void> {
  const socket = from.openTcp()
  socket.connect(to.address, 9)
  await lan.until(
    () => (socket.ready & ERROR) !== 0,
    PATIENCE_MS,
    () => `the refusal; ${socket.state}`,
  )
  socket.close()
}

/** A connect that is given up at once, and sockets that were never used. */
function abandoned(service: Service, from: Host): void {
  const unused = from.openTcp()
  unused.bind(from.any, 0)
  unused.close()
  const listening = from.openTcp()
  listening.bind(from.any, 0)
  listening.listen(4).close()
  // Nobody listens there, so that nobody accepts what is given up.
  const hasty = from.openTcp()
  hasty.connect(service.host.address, 9)
  hasty.close()
}

/** Datagrams that nobody reads. */
function datagrams(suite: Suite, to: Host, from: Host): void {
  if (suite.backends.some(({ capabilities }) => capabilities.udp !== 'full')) return
  const receiver = to.openUdp()
  receiver.bind(to.any, 53)
  const sender = from.openUdp()
  sender.connect(to.address, 53)
  for (let number = 0; number < 10; number++) sender.send(new Uint8Array(500), 0, 500, null, 0)
  sender.close()
  receiver.close()
}
