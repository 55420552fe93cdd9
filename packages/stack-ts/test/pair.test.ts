/** Two stacks and what lies between them: whole transfers, and nothing left of them. */
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  END,
  ERROR,
  FULL_OFFLOAD,
  impair,
  NO_OFFLOAD,
  type Offload,
  READABLE,
  type Stack,
  type TcpSocket,
  WRITABLE,
} from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStack, type TsSettings } from '../src/index.ts'
import { ip, MS, NOTHING_LEFT, pattern, SECOND } from './scenario.ts'

interface LineOptions {
  readonly seed?: number
  readonly mtu?: number
  readonly offload?: Offload
  readonly loss?: number
  readonly delayMs?: number
  readonly jitterMs?: number
  readonly duplicate?: number
  readonly reorder?: number
  readonly corrupt?: number
  readonly settings?: TsSettings
  readonly limits?: { readonly sendBuffer?: number; readonly receiveBuffer?: number }
}

class Line {
  readonly scheduler: ReturnType<typeof createVirtualScheduler>
  readonly pool: ReturnType<typeof createFramePool>
  readonly stacks: [Stack, Stack]

  private constructor(scheduler: Line['scheduler'], pool: Line['pool'], stacks: [Stack, Stack]) {
    this.scheduler = scheduler
    this.pool = pool
    this.stacks = stacks
  }

  static async create(options: LineOptions = {}): Promise<Line> {
    const { seed = 1, mtu = 1500, offload = NO_OFFLOAD } = options
    const scheduler = createVirtualScheduler({ seed })
    const pool = createFramePool({ limit: 64 * 1024 * 1024 })
    const ends = createPipe({ scheduler, pool, mtu, offload })
    const { loss = 0, delayMs = 0, jitterMs = 0, duplicate = 0, reorder = 0, corrupt = 0 } = options
    const faults = { loss, delayMs, jitterMs, duplicate, reorder, corrupt }
    const isSound = Object.values(faults).every((value) => value === 0)
    const created = ends.map((end, index) => {
      // One end only: two flipped bits of one frame may cancel out in its checksum.
      const link = isSound || index === 1 ? end : impair(end, { scheduler, pool, seed, ...faults })
      const interfaces = [{ link, addresses: [`10.0.0.${index + 1}/24`] }]
      const { settings, limits = {} } = options
      return createStack({ scheduler, pool, interfaces, limits, settings: { probe: 'none', ...settings } })
    })
    const stacks = (await Promise.all(created)) as [Stack, Stack]
    return new Line(scheduler, pool, stacks)
  }

  /** A connection from the first stack to the second. */
  connect(port = 80): [TcpSocket, TcpSocket] {
    const { scheduler, stacks } = this
    const server = stacks[1].openTcp(4)
    server.bind(ip('0.0.0.0'), port)
    const listener = server.listen(4)
    for (let tries = 0; tries < 5; tries++) {
      const client = stacks[0].openTcp(4)
      client.connect(ip('10.0.0.2'), port)
      let accepted: TcpSocket | null = null
      for (let i = 0; i < 2000 && accepted === null && client.error === null; i++) {
        scheduler.advance(100 * MS)
        if (client.state === 'ESTABLISHED') accepted = listener.accept()
      }
      if (accepted !== null) {
        listener.close()
        return [client, accepted]
      }
      // Under heavy loss the neighbour may not be found at the first attempt.
      client.close()
    }
    throw new Error('no connection')
  }

  async finish(): Promise<typeof NOTHING_LEFT> {
    const closed = Promise.all(this.stacks.map((stack) => stack.close()))
    await this.scheduler.settle(200 * SECOND)
    await closed
    const { timers, holds } = this.scheduler
    return { used: this.pool.used, timers, holds }
  }
}

/** Sends all of `data` one way and ends; gives what arrived, and whether its end did. */
class Flow {
  readonly received: Uint8Array
  length = 0
  ended = false
  private sent = 0

  constructor(from: TcpSocket, to: TcpSocket, data: Uint8Array, writeSize: number, readSize: number) {
    this.received = new Uint8Array(data.length + 1)
    from.onReady = (_, bits) => {
      if ((bits & WRITABLE) !== 0) {
        const taken = from.write(data, this.sent, Math.min(writeSize, data.length - this.sent))
        if (taken > 0) this.sent += taken
        if (this.sent === data.length) {
          from.interest &= ~WRITABLE
          from.shutdown()
        }
      }
      this.other?.(from, bits)
    }
    this.read = (socket, bits) => {
      if ((bits & READABLE) === 0) return
      const room = Math.min(readSize, this.received.length - this.length)
      const count = socket.read(this.received, this.length, room)
      if (count > 0) this.length += count
      else if (count === END) {
        this.ended = true
        socket.interest &= ~READABLE
      } else if (socket.error !== null) socket.interest = 0
    }
    from.interest |= WRITABLE | ERROR
    to.interest |= READABLE | ERROR
  }

  /** The reader of the other direction lives on the same socket. */
  other: ((socket: TcpSocket, bits: number) => void) | null = null
  readonly read: (socket: TcpSocket, bits: number) => void
}

/** Both directions at once. */
function exchange(
  [client, server]: [TcpSocket, TcpSocket],
  up: Uint8Array,
  down: Uint8Array,
  writeSize: number,
  readSize: number,
): [Flow, Flow] {
  const flows: [Flow, Flow] = [
    new Flow(client, server, up, writeSize, readSize),
    new Flow(server, client, down, writeSize, readSize),
  ]
  flows[0].other = flows[1].read
  flows[1].other = flows[0].read
  return flows
}

async function transfer(
  options: LineOptions,
  up: number,
  down: number,
  writeSize: number,
  readSize: number,
): Promise<void> {
  const line = await Line.create(options)
  const sockets = line.connect()
  const [there, back] = [pattern(up), pattern(down, 99)]
  const flows = exchange(sockets, there, back, writeSize, readSize)
  for (let i = 0; i < 10_000 && !(flows[0].ended && flows[1].ended); i++) line.scheduler.advance(10 * SECOND)
  expect(sockets.map(({ error }) => error)).toEqual([null, null])
  expect([flows[0].length, flows[1].length]).toEqual([up, down])
  expect(Buffer.compare(flows[0].received.subarray(0, up), there)).toBe(0)
  expect(Buffer.compare(flows[1].received.subarray(0, down), back)).toBe(0)
  for (const socket of sockets) socket.close()
  expect(await line.finish()).toEqual(NOTHING_LEFT)
}

test('P-01 10 MB over a sound line', () => transfer({}, 10_000_000, 0, 65536, 65536))

test('P-01 10 MB in super-segments', () => transfer({ offload: FULL_OFFLOAD }, 10_000_000, 1_000_000, 100_000, 70_000))

test('P-01 jumbo frames', () => transfer({ mtu: 9000 }, 1_000_000, 1_000_000, 30_000, 5000))

test('P-01 small writes, small reads, small MTU', () => transfer({ mtu: 68 }, 30_000, 30_000, 7, 11))

test('P-01 super-segments on a lossy line', () =>
  transfer({ offload: FULL_OFFLOAD, loss: 0.02, delayMs: 5 }, 5_000_000, 100_000, 100_000, 100_000))

test('P-01 P-03 P-11 any octets over any line arrive, in order, once, and leave nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.integer({ min: 1, max: 2 ** 30 }),
        loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
        delayMs: fc.integer({ min: 0, max: 500 }),
        jitterMs: fc.integer({ min: 0, max: 200 }),
        duplicate: fc.double({ min: 0, max: 0.2, noNaN: true }),
        reorder: fc.double({ min: 0, max: 0.2, noNaN: true }),
        corrupt: fc.double({ min: 0, max: 0.1, noNaN: true }),
        mtu: fc.constantFrom(300, 576, 1500, 9000),
        offload: fc.constantFrom(NO_OFFLOAD, FULL_OFFLOAD),
        settings: fc.record({ tcp: fc.record({ timestamps: fc.boolean(), windowScale: fc.boolean() }) }),
        limits: fc.record({
          sendBuffer: fc.constantFrom(2000, 20_000, 512 * 1024),
          receiveBuffer: fc.constantFrom(2000, 20_000, 512 * 1024),
        }),
      }),
      fc.integer({ min: 0, max: 60_000 }),
      fc.integer({ min: 0, max: 60_000 }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 20_000 }),
      transfer,
    ),
  )
})

test('a connection to ourselves, by our address and by 127.0.0.1, never touches the link', async () => {
  const line = await Line.create()
  const [stack] = line.stacks
  for (const address of ['10.0.0.1', '127.0.0.1', '127.9.9.9']) {
    const server = stack.openTcp(4)
    server.bind(ip('0.0.0.0'), 80)
    const listener = server.listen(1)
    const client = stack.openTcp(4)
    client.connect(ip(address), 80)
    line.scheduler.advance(MS)
    const other = listener.accept()!
    expect(other.localAddress?.toString()).toBe(address)
    expect(client.localAddress?.toString()).toBe(address === '10.0.0.1' ? '10.0.0.1' : '127.0.0.1')
    const flows = exchange([client, other], pattern(1_000_000), pattern(300_000), 65536, 65536)
    line.scheduler.advance(SECOND)
    expect(flows.map(({ length, ended }) => [length, ended])).toEqual([
      [1_000_000, true],
      [300_000, true],
    ])
    client.close()
    other.close()
    listener.close()
  }
  const { framesOut, arpOut } = stack.counters()
  expect(framesOut).toBe(arpOut)
  expect(await line.finish()).toEqual(NOTHING_LEFT)
})

test('flush brings out what the windows allow, without waiting for a turn', async () => {
  const line = await Line.create()
  const [client] = line.connect()
  const data = pattern(5000)
  client.write(data, 0, data.length)
  const before = line.stacks[0].counters().tcpOut!
  line.stacks[0].flush()
  expect(line.stacks[0].counters().tcpOut! - before).toBe(4)
  client.reset()
  expect(await line.finish()).toEqual(NOTHING_LEFT)
})

test('closing a stack: sockets end in order, what was written arrives, and nothing opens any more', async () => {
  const line = await Line.create({ delayMs: 20 })
  const [client, server] = line.connect()
  const data = pattern(100_000)
  expect(client.write(data, 0, data.length)).toBe(data.length)
  const closed = line.stacks[0].close()
  expect(line.stacks[0].close()).toBe(closed)
  expect(() => line.stacks[0].openTcp(4)).toThrow('ENETDOWN')
  await expect(line.stacks[0].ping(ip('10.0.0.2'))).rejects.toThrow('ENETDOWN')
  const received = new Uint8Array(200_000)
  let length = 0
  let ended = false
  server.onReady = () => {
    const count = server.read(received, length, received.length - length)
    if (count > 0) length += count
    else ended = count === END
    if (count < 0) server.close()
  }
  server.interest = READABLE
  await line.scheduler.settle(5 * SECOND)
  await closed
  await line.stacks[0].closed
  expect([length, ended]).toEqual([data.length, true])
  expect(await line.finish()).toEqual(NOTHING_LEFT)
})

test('the limit of sockets is EMFILE, and unknown settings are named', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const base = { scheduler, pool, interfaces: [] }
  const stack = await createStack({ ...base, limits: { sockets: 2 } })
  const open = [stack.openTcp(4), stack.openUdp(4)]
  expect(() => stack.openTcp(4)).toThrow('EMFILE')
  open[0]!.close()
  expect(stack.openTcp(4).state).toBe('CLOSED')
  await stack.close()
  await expect(createStack({ ...base, settings: { tpc: {} } as TsSettings })).rejects.toThrow('has no "tpc"')
  await expect(createStack({ ...base, settings: { tcp: { nagle: 1 } } as unknown as TsSettings })).rejects.toThrow(
    '"nagle"',
  )
  await expect(createStack({ ...base, settings: { tcp: { minRtoMs: 0 } } })).rejects.toThrow('1 to 120000')
  await expect(createStack({ ...base, limits: { sendBufer: 1 } as object })).rejects.toThrow('"sendBufer"')
})
