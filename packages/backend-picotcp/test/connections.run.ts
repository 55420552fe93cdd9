/**
 * Ten thousand connections, many at a time, as client and as server, ended in order and by a reset: nothing is left, and memory stays what it
 * was. On bare links: what a LAN of the suite keeps of every frame is not to be weighed. `npm run test:backends` runs it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  ANY_V4,
  type Backend,
  createFramePool,
  createPipe,
  createScheduler,
  type IpAddress,
  type Link,
  type Listener,
  parseIpAddress,
  READABLE,
  type Stack,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { backend } from '../src/index.ts'
import { installed, skipWhereNoneIs } from './installed.ts'

const CONNECTIONS = 10_000
/** Connections at a time. */
const AT_ONCE = 24
/** Connections after which everything has the size that it keeps. */
const WARM = 2000
/** A connection that leaves more than this behind is a leak; less cannot be told from what the allocator keeps. */
const MOST_LEFT = 1024
const OCTETS = 500
const PORT = 80
const LONGEST_MS = 1_800_000

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

skipWhereNoneIs()

describe.each(installed)('%s', (library) => {
  it(
    `${CONNECTIONS} connections: nothing is left, memory is flat`,
    async () => {
      const scheduler = createScheduler()
      const pool = createFramePool()
      // Nothing else keeps the process alive while the network is at rest.
      scheduler.hold()
      const [near, far] = createPipe({ scheduler, pool, mtu: 1500 })
      const plug = (of: Backend, link: Link, address: string, settings: Record<string, unknown>): Promise<Stack> =>
        of.createStack({ scheduler, pool, interfaces: [{ link, addresses: [`${address}/24`] }], settings })
      const a = await plug(backend, near, '10.0.0.1', { library })
      // The ends of its connections are remembered for a moment only.
      const b = await plug(ts, far, '10.0.0.2', { tcp: { timeWaitMs: 200 } })
      const ends = [new Echo(a, parseIpAddress('10.0.0.1')), new Echo(b, parseIpAddress('10.0.0.2'))] as const
      const open = async (many: number): Promise<void> => {
        let begun = 0
        const one = async (): Promise<void> => {
          while (begun < many) {
            const number = begun++
            const [from, to] = number % 2 === 0 ? [a, ends[1]] : [b, ends[0]]
            await converse(from, to.address, number % 4 < 2)
          }
        }
        await Promise.all(Array.from({ length: AT_ONCE }, one))
        await until(() => [a, b].every((stack) => [...stack.sockets()].length === 1 && stack.lingering === 0))
      }
      await open(WARM)
      const before = weigh()
      const slots = pool.used
      await open(CONNECTIONS - WARM)
      const left = (weigh() - before) / (CONNECTIONS - WARM)
      expect(pool.used, 'octets of frames').toBeLessThanOrEqual(slots)
      expect(left, 'octets that a connection leaves').toBeLessThan(MOST_LEFT)
      for (const { listener } of ends) listener.close()
      await Promise.all([a.close(), b.close()])
      expect(pool.used, 'octets of frames when the stacks are closed').toBe(0)
      scheduler.release()
    },
    LONGEST_MS,
  )
})

/** Sends back what comes, and ends when the other side has ended. */
class Echo {
  readonly address: IpAddress
  readonly listener: Listener

  constructor(stack: Stack, address: IpAddress) {
    this.address = address
    const listening = stack.openTcp(4)
    listening.bind(ANY_V4, PORT)
    this.listener = listening.listen(AT_ONCE * 2)
    this.listener.onReady = () => {
      for (let socket = this.listener.accept(); socket !== null; socket = this.listener.accept()) serve(socket)
    }
    this.listener.interest = READABLE
  }
}

function serve(socket: TcpSocket): void {
  const octets = new Uint8Array(OCTETS)
  socket.onReady = () => {
    for (;;) {
      const count = socket.read(octets, 0, OCTETS)
      if (count > 0) socket.write(octets, 0, count)
      else {
        if (count !== WOULD_BLOCK) socket.close()
        return
      }
    }
  }
  socket.interest = READABLE
}

/** @param isBrokenOff ends by RST. */
function converse(stack: Stack, to: IpAddress, isBrokenOff: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const octets = new Uint8Array(OCTETS)
    const socket = stack.openTcp(4)
    let count = 0
    socket.onReady = () => {
      if (socket.error !== null) {
        reject(socket.error)
        socket.close()
      } else if (socket.interest === WRITABLE) {
        socket.write(octets, 0, OCTETS)
        socket.interest = READABLE
      } else {
        for (let got = 1; got > 0 && count < OCTETS; count += Math.max(got, 0)) got = socket.read(octets, 0, OCTETS)
        if (count < OCTETS) return
        if (isBrokenOff) socket.reset()
        else socket.close()
        resolve()
      }
    }
    socket.connect(to, PORT)
    socket.interest = WRITABLE
  })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Octets of the process, what C holds among them. */
function weigh(): number {
  collect()
  collect()
  return process.memoryUsage.rss()
}
