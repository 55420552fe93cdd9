import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { NetError, type Stack, type VirtualScheduler } from '../src/index.ts'
import { connect, createServer, type StackDuplex, type StackDuplexOptions, type StackServer } from '../src/node.ts'
import { type TwoStacks, twoStacks } from './two-stacks.ts'

let stacks: TwoStacks
let scheduler: VirtualScheduler
let here: Stack
let there: Stack

async function start(limits?: Parameters<typeof twoStacks>[0]): Promise<void> {
  stacks = await twoStacks(limits)
  ;({ scheduler, here, there } = stacks)
}

beforeEach(() => start())

const run = <T>(promise: Promise<T>): Promise<T> => stacks.run(promise)

interface Pair {
  readonly server: StackServer
  readonly near: StackDuplex
  readonly far: StackDuplex
}

/** A connection, both ends. */
async function pair(options: StackDuplexOptions = {}, farOptions: StackDuplexOptions = options): Promise<Pair> {
  const server = createServer(there, farOptions).listen({ port: 80 })
  const accepted = once(server, 'connection')
  const near = connect(here, { host: '10.0.0.2', port: 80, ...options })
  const [far] = (await run(accepted)) as [StackDuplex]
  if (near.connecting) await run(once(near, 'connect'))
  return { server, near, far }
}

/** The names of events, in their order. */
function log(stream: StackDuplex | StackServer, ...names: string[]): string[] {
  const events: string[] = []
  for (const name of names) stream.on(name as 'close', () => void events.push(name))
  return events
}

/** All octets up to the end. (An async iteration would destroy the stream then.) */
async function octetsOf(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  stream.on('data', (piece) => pieces.push(piece))
  await once(stream, 'end')
  return Buffer.concat(pieces)
}

async function closed(stream: StackDuplex): Promise<void> {
  if (!stream.closed) await once(stream, 'close')
}

describe('a connection', () => {
  test('tells where it is, as net.Socket does', async () => {
    const { near, far, server } = await pair()
    expect(near).toMatchObject({
      connecting: false,
      pending: false,
      readyState: 'open',
      localAddress: '10.0.0.1',
      localFamily: 'IPv4',
      remoteAddress: '10.0.0.2',
      remotePort: 80,
      remoteFamily: 'IPv4',
    })
    expect(far.remotePort).toBe(near.localPort)
    expect(near.address()).toEqual({ address: '10.0.0.1', family: 'IPv4', port: near.localPort })
    expect(server.address()).toEqual({ address: '::', family: 'IPv6', port: 80 })
  })

  test('what is written before it stands arrives, and its end too', async () => {
    const server = createServer(there, (stream) => stream.pipe(stream)).listen({ port: 80 })
    const near = connect(here, { host: '10.0.0.2', port: 80 })
    expect(near.readyState).toBe('opening')
    near.write('one ')
    near.write('two ')
    near.end('three')
    expect((await run(octetsOf(near))).toString()).toBe('one two three')
    await run(once(server.close(), 'close'))
    expect(scheduler.holds).toBe(0)
  })

  test('events come in the order net.Socket has them', async () => {
    const server = createServer(there, { allowHalfOpen: true }, (stream) =>
      stream.resume().on('end', () => stream.end('bye')),
    )
    server.listen({ port: 80 })
    const near = connect(here, { host: '10.0.0.2', port: 80 })
    const events = log(near, 'connect', 'ready', 'data', 'end', 'finish', 'close', 'error')
    near.end('hello')
    await run(once(near, 'close'))
    expect(events).toEqual(['connect', 'ready', 'finish', 'data', 'end', 'close'])
  })

  test('the end is told although nobody reads', async () => {
    const { near, far } = await pair()
    far.end()
    await run(once(near, 'close'))
    expect([near.readableEnded, near.writableFinished, near.destroyed]).toEqual([true, true, true])
  })

  test('allowHalfOpen: one direction ends, the other goes on', async () => {
    const { near, far } = await pair({ allowHalfOpen: true })
    near.end('request')
    expect((await run(octetsOf(far))).toString()).toBe('request')
    expect(far.readyState).toBe('writeOnly')
    far.end('reply')
    expect((await run(octetsOf(near))).toString()).toBe('reply')
  })
})

describe('data', () => {
  const piece = fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(70_000) })

  test('any sequence of writes, corked or not, arrives in order, once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(piece, fc.boolean()), { maxLength: 12 }),
        fc.boolean(),
        async (writes, slow) => {
          await start({ sendBuffer: 16384, receiveBuffer: 16384 })
          const { near, far } = await pair()
          const sent: Buffer[] = []
          let next = 0
          for (const [length, corked] of writes) {
            const octets = Buffer.from(Array.from({ length }, () => next++ & 0xff))
            sent.push(octets)
            if (corked) near.cork()
            near.write(octets)
            if (corked) process.nextTick(() => near.uncork())
          }
          near.end()
          const sink = slow ? far.pipe(new PassThrough({ highWaterMark: 10 })) : far
          const got = await run(octetsOf(sink))
          expect(got.equals(Buffer.concat(sent))).toBe(true)
          expect(near.bytesWritten).toBe(got.length)
          expect(far.bytesRead).toBe(got.length)
          await run(Promise.all([closed(near), closed(far)]))
          expect(scheduler.holds).toBe(1) // the server's
        },
      ),
    )
  })

  test('no piece of a bulk transfer is longer than 64 KiB, and none changes when later ones come', async () => {
    await start({ sendBuffer: 1 << 20, receiveBuffer: 1 << 20 })
    const { near, far } = await pair()
    const sent = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i >> 8) ^ i))
    near.end(sent)
    await scheduler.settle()
    const pieces: Buffer[] = []
    far.on('data', (piece) => pieces.push(piece))
    await run(once(far, 'end'))
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(65_536)
    expect(Buffer.concat(pieces).equals(sent)).toBe(true)
  })

  test('small writes complete at once, and a full buffer holds the writer back until it is read', async () => {
    await start({ sendBuffer: 16384, receiveBuffer: 16384 })
    const { near, far } = await pair({ highWaterMark: 1000 })
    let completed = 0
    near.write('x', () => completed++)
    await scheduler.settle()
    expect([near.writableLength, completed]).toEqual([0, 1])

    far.pause()
    near.write(Buffer.alloc(100_000), () => completed++)
    await scheduler.settle(1_000_000)
    expect(completed).toBe(1)
    expect(near.bytesWritten).toBe(100_001)
    far.resume()
    await run(once(near, 'drain'))
    expect(completed).toBe(2)
    await scheduler.settle()
    expect(far.bytesRead).toBe(100_001)
  })

  test('pausing, resuming, an encoding, and reading by hand, in the middle of a stream', async () => {
    const { near, far } = await pair()
    const got: unknown[] = []
    const take = (data: unknown) => got.push(data instanceof Buffer ? `<${data}>` : data)
    const say = async (text: string) => {
      near.write(text)
      await scheduler.settle(1_000_000)
    }
    far.on('data', take)
    await say('a')
    await say('b')
    far.pause()
    await say('c')
    await say('d')
    expect(got).toEqual(['<a>', '<b>'])
    far.resume()
    await say('e')
    far.setEncoding('latin1')
    await say('f')
    expect(got).toEqual(['<a>', '<b>', '<c>', '<d>', '<e>', 'f'])
    far.off('data', take)
    far.on('readable', () => got.push('readable'))
    await say('g')
    expect(far.read()).toBe('g')
    expect(got.slice(6)).toEqual(['readable'])
    expect(far.readableDidRead).toBe(true)
  })

  test('onread: one buffer, pause by false, resume', async () => {
    const got: string[] = []
    const buffer = Buffer.alloc(4)
    const { near, far } = await pair(
      {},
      {
        onread: {
          buffer,
          callback: (count, into) => {
            expect(into).toBe(buffer)
            got.push(buffer.toString('latin1', 0, count))
            return got.length !== 2
          },
        },
      },
    )
    near.end('0123456789')
    await scheduler.settle(1000)
    expect(got).toEqual(['0123', '4567'])
    far.resume()
    await run(once(far, 'end'))
    expect(got).toEqual(['0123', '4567', '89'])
  })

  test('onread with a function gets a buffer for each read', async () => {
    const buffers: Uint8Array[] = []
    const { near, far } = await pair(
      {},
      {
        onread: { buffer: () => Buffer.alloc(8), callback: (_count, buffer) => buffers.push(buffer) > 0 },
      },
    )
    near.end('0123456789')
    await run(once(far, 'end'))
    expect(new Set(buffers).size).toBe(2)
  })
})

describe('failures', () => {
  test('a refused connection is an error event', async () => {
    const near = connect(here, { host: '10.0.0.2', port: 81 })
    const events = log(near, 'connect', 'error', 'close')
    const [error] = await run(once(near, 'error').catch((error) => [error]))
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '10.0.0.2', port: 81 })
    await scheduler.settle()
    expect(events).toEqual(['error', 'close'])
    expect(scheduler.holds).toBe(0)
  })

  test('what is known at once throws', () => {
    expect(() => connect(here, { host: '10.9.9.9', port: 80 })).toThrow(/connect ENETUNREACH 10.9.9.9:80/)
    expect(() => connect(here, { host: 'example', port: 80 })).toThrow(/host: "example" is not an IP address/)
    expect(() => connect(here, { host: '10.0.0.2', port: 70000 })).toThrow(
      /port: 70000 is not a number from 1 to 65535/,
    )
    const server = createServer(there, () => {}).listen({ port: 80 })
    expect(() => createServer(there, () => {}).listen({ port: 80 })).toThrow(/EADDRINUSE/)
    expect(() => server.listen({ port: 81 })).toThrow(/it listens already/)
  })

  test('destroy with unread octets, and resetAndDestroy, reset the peer', async () => {
    for (const end of ['destroy', 'resetAndDestroy'] as const) {
      const { near, far, server } = await pair()
      near.pause()
      far.write(Buffer.alloc(300_000))
      await scheduler.settle()
      near[end]()
      const [error] = await run(once(far, 'error').catch((error) => [error]))
      expect(error).toMatchObject({ code: 'ECONNRESET' })
      await run(once(server.close(), 'close'))
    }
    expect(scheduler.holds).toBe(0)
  })

  test('a write in progress fails when the stream is destroyed', async () => {
    await start({ sendBuffer: 16384, receiveBuffer: 16384 })
    const { near, far } = await pair()
    far.pause()
    const failed = new Promise((resolve) => near.write(Buffer.alloc(500_000), resolve))
    await scheduler.settle()
    near.destroy()
    expect(await run(failed)).toMatchObject({ code: 'ECANCELED' })
    const near2 = connect(here, { host: '10.0.0.2', port: 80 })
    const failed2 = new Promise((resolve) => near2.write('early', resolve))
    near2.on('error', () => {})
    near2.destroy(new NetError('ECONNABORTED', 'test'))
    expect(await run(failed2)).toMatchObject({ code: 'ECONNABORTED' })
  })

  test('a write to a connection that was reset fails', async () => {
    // The stream is full, so it does not look at its socket.
    const { near, far } = await pair({ highWaterMark: 1 })
    near.pause()
    far.write('x')
    await scheduler.settle()
    far.resetAndDestroy()
    await scheduler.settle()
    const errors = log(near, 'error')
    const failed = await run(new Promise((resolve) => near.write('x', resolve)))
    expect(failed).toMatchObject({ code: 'ECONNRESET' })
    await scheduler.settle()
    expect(errors).toEqual(['error'])
  })

  test('an exception in a handler reaches the host, and the stream goes on', async () => {
    const { near, far } = await pair()
    let throws = true
    const got: string[] = []
    far.on('data', (data) => {
      got.push(String(data))
      if (throws) throw new Error('handler')
    })
    near.write('a')
    await expect(scheduler.settle()).rejects.toThrow('handler')
    throws = false
    near.write('b')
    await scheduler.settle()
    expect(got).toEqual(['a', 'b'])
  })
})

describe('what net.Socket has beside', () => {
  test('setTimeout, on the clock of the stack', async () => {
    const { near, far } = await pair()
    far.resume()
    const start = scheduler.clock.now
    let at = -1
    near.setTimeout(1000, () => {
      at = scheduler.clock.now
    })
    expect(near.timeout).toBe(1000)
    await scheduler.settle(600_000)
    near.write('still here')
    await scheduler.settle(900_000)
    expect(at).toBe(-1)
    await scheduler.settle(200_000)
    expect(at - start).toBe(1_600_000)
    near.setTimeout(5000)
    const armed = scheduler.timers
    near.setTimeout(0)
    expect(scheduler.timers).toBe(armed - 1)
  })

  test('setNoDelay and setKeepAlive', async () => {
    const { near } = await pair()
    near.setNoDelay().setKeepAlive(true, 5500)
    expect(['noDelay', 'keepAlive', 'keepAliveDelay'].map((name) => near.socket.getOption(name as 'noDelay'))).toEqual([
      1, 1, 5,
    ])
    near.setNoDelay(false).setKeepAlive()
    expect(['noDelay', 'keepAlive'].map((name) => near.socket.getOption(name as 'noDelay'))).toEqual([0, 0])
  })

  test('only what waits for something keeps the process alive, and unref', async () => {
    const { near, far, server } = await pair()
    expect(scheduler.holds).toBe(3)
    server.unref()
    near.unref()
    expect(scheduler.holds).toBe(1)
    near.ref()
    expect(scheduler.holds).toBe(2)
    near.destroy()
    far.destroy()
    await scheduler.settle()
    expect(scheduler.holds).toBe(0)
  })

  test('destroySoon writes first', async () => {
    const { near, far } = await pair()
    near.write(Buffer.alloc(50_000))
    near.destroySoon()
    expect((await run(octetsOf(far))).length).toBe(50_000)
    expect(near.destroyed).toBe(true)
  })

  test('server.close waits for the connections', async () => {
    const { near, server } = await pair()
    const events = log(server, 'close')
    server.close()
    await scheduler.settle()
    expect([server.connections, server.listening, events]).toEqual([1, false, []])
    near.destroy()
    await scheduler.settle()
    expect([server.connections, events]).toEqual([0, ['close']])
  })

  test('pipeline between two stacks', async () => {
    createServer(there, (stream) => void pipeline(stream, stream)).listen({ port: 7 })
    const near = connect(here, { host: '10.0.0.2', port: 7 })
    const sent = Buffer.alloc(200_000, 'stack')
    near.end(sent)
    expect((await run(octetsOf(near))).equals(sent)).toBe(true)
  })
})
