/**
 * Ten thousand connections to and from a backend, opened, used, and ended in order or by a reset, a part of what its manifest allows at once:
 * nothing is left, and the memory of the program and of its helper stays what it was. On bare links: what a LAN of the suite keeps of every
 * frame is not to be weighed.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  Alarm,
  type Backend,
  createFramePool,
  createHub,
  createScheduler,
  END,
  ERROR,
  type IpAddress,
  type Listener,
  type Pollable,
  parseIpAddress,
  READABLE,
  type Scheduler,
  type Stack,
  type StackOptions,
  type TcpSocket,
  WRITABLE,
} from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { expect, it } from 'vitest'
import { describeWhereUsable } from '../../src/where-usable.ts'

/** Connections after which everything has the size that it keeps: the heap of a helper is collected when that helper likes. */
const WARM = 10_000
/** Connections that are weighed. */
const CONNECTIONS = 10_000
/** Octets. A connection that leaves more than this behind is a leak; less cannot be told from what the allocators of two processes keep. */
const MOST_LEFT = 4096
/** How often is looked whether the last connections are gone, in microseconds. */
const LOOK_US = 10_000
/** A minute of them. */
const MOST_LOOKS = 6000
const OCTETS = 100

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** Tests a backend, where it is usable. */
export function testConnections(backend: Backend): void {
  describeWhereUsable(backend.name, [backend], () => testOn(backend))
}

/** @param settings of the backend's stack. @param mostLeft octets that a connection may leave behind. */
export function testOn(backend: Backend, settings: StackOptions['settings'] = {}, mostLeft = MOST_LEFT): void {
  const atOnce = Math.floor(backend.capabilities.limits.sockets / 3)
  it(`${CONNECTIONS} connections: nothing is left, memory is flat`, async () => {
    const scheduler = createScheduler()
    const pool = createFramePool()
    // Nothing else keeps the process alive while the network is at rest.
    scheduler.hold()
    const hub = createHub({ scheduler, pool, queueFrames: 4096 })
    const [a, b] = await Promise.all([
      backend.createStack({
        scheduler,
        pool,
        interfaces: [{ link: hub.port('a'), addresses: ['10.0.0.1/24'] }],
        settings,
      }),
      ts.createStack({
        scheduler,
        pool,
        interfaces: [{ link: hub.port('b'), addresses: ['10.0.0.2/24'] }],
        // The ends of its connections are remembered for a moment only.
        settings: { tcp: { timeWaitMs: 200 } },
      }),
    ])
    const ends = [
      [b, parseIpAddress('10.0.0.1'), serve(a)],
      [a, parseIpAddress('10.0.0.2'), serve(b)],
    ] as const
    let closed = 0
    const some = async (count: number): Promise<number[]> => {
      for (const until = closed + count; closed < until; ) {
        const wave = Array.from({ length: Math.min(atOnce, until - closed) }, (_, number) =>
          ask(...ends[number % 2 === 0 ? 0 : 1], number % 4 < 2),
        )
        await Promise.all(wave)
        closed += wave.length
      }
      for (let looks = 0; ![a, b].every(isAtRest); looks++) {
        if (looks === MOST_LOOKS) throw new Error(`no rest after the connections: ${[a, b].map(leftOf).join('; ')}`)
        await passed(scheduler, LOOK_US)
      }
      return memory()
    }
    const before = await some(WARM)
    const slots = pool.used
    const after = await some(CONNECTIONS)
    console.log(
      `${closed} connections, ${atOnce} at once; program and helper: ${before.join(' and ')} octets, then ${after.join(' and ')}`,
    )
    for (const [index, octets] of after.entries()) {
      expect((octets - (before[index] as number)) / CONNECTIONS).toBeLessThan(mostLeft)
    }
    expect(pool.used, 'octets of frames').toBeLessThanOrEqual(slots)
    for (const [, , listener] of ends) listener.close()
    await Promise.all([a.close(), b.close()])
    await hub.close()
    expect(pool.used, 'octets of frames when all is closed').toBe(0)
    scheduler.release()
  }, 1_800_000)
}

/** Whether nothing is left but the listener, and what a library remembers of connections that are over. */
function isAtRest(stack: Stack): boolean {
  const open = [...stack.sockets()].filter(({ state }) => state !== 'TIME-WAIT')
  return open.length === 1 && stack.lingering === 0
}

function leftOf(stack: Stack): string {
  const states = Array.from(stack.sockets(), ({ state }) => state)
  return `${stack.lingering} linger, sockets are ${states.join(' ')}`
}

function passed({ clock }: Scheduler, microseconds: number): Promise<void> {
  return new Promise((resolve) => clock.arm(new Alarm(resolve), clock.now + microseconds))
}

/** Sends back what comes, and ends when its peer does. */
function serve(stack: Stack): Listener {
  const socket = stack.openTcp(4)
  socket.bind(parseIpAddress('0.0.0.0'), 0)
  const listener = socket.listen(64)
  listener.onReady = () => {
    for (let taken = listener.accept(); taken !== null; taken = listener.accept()) {
      taken.onReady = echo
      taken.interest = READABLE | ERROR
    }
  }
  listener.interest = READABLE
  return listener
}

const room = new Uint8Array(OCTETS)

function echo(source: Pollable, bits: number): void {
  const socket = source as unknown as TcpSocket
  const count = (bits & ERROR) !== 0 ? END : socket.read(room, 0, OCTETS)
  if (count > 0) socket.write(room, 0, count)
  else if (count === END) socket.close()
}

/** One connection from its beginning to its end. @param isBrokenOff ends by a reset. @throws NetError */
function ask(from: Stack, to: IpAddress, listener: Listener, isBrokenOff: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = from.openTcp(4)
    let got = 0
    socket.connect(to, listener.localPort)
    socket.onReady = (_, bits) => {
      if ((bits & ERROR) !== 0) {
        reject(socket.error)
        socket.close()
        return
      }
      if ((bits & WRITABLE) !== 0) {
        socket.interest = READABLE | ERROR
        socket.write(room, 0, OCTETS)
      }
      if ((bits & READABLE) === 0) return
      const count = socket.read(room, 0, OCTETS)
      if (count > 0) got += count
      if (count > 0 && got === OCTETS) {
        if (!isBrokenOff) socket.shutdown()
        else {
          socket.reset()
          resolve()
        }
      }
      if (count !== END) return
      socket.close()
      if (got === OCTETS) resolve()
      else reject(new Error(`${got} of ${OCTETS} octets came back`))
    }
    socket.interest = WRITABLE | ERROR
  })
}

/** Octets in memory, of this process and of its helper. */
function memory(): number[] {
  collect()
  return [process.pid, ...childrenOf(process.pid)].map(residentOf)
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
