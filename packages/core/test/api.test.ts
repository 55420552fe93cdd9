import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  AbortError,
  CLOSED,
  type Connection,
  type ConnectionListener,
  connect,
  END,
  listen,
  openDatagram,
  type PollResult,
  type PollTarget,
  poll,
  READABLE,
  type Stack,
  type VirtualScheduler,
  WRITABLE,
} from '../src/index.ts'
import { toDuplex } from '../src/node.ts'
import { type TwoStacks, twoStacks } from './two-stacks.ts'

let stacks: TwoStacks
let scheduler: VirtualScheduler
let here: Stack
let there: Stack

const SMALL = { sendBuffer: 16384, receiveBuffer: 16384 }

async function start(limits?: Parameters<typeof twoStacks>[0]): Promise<void> {
  stacks = await twoStacks(limits)
  ;({ scheduler, here, there } = stacks)
}

beforeEach(() => start())

const run = <T>(promise: Promise<T>): Promise<T> => stacks.run(promise)

async function pair(): Promise<{ near: Connection; far: Connection; listener: ConnectionListener }> {
  const listener = listen(there, { port: 80 })
  const [near, far] = await run(Promise.all([connect(here, { host: '10.0.0.2', port: 80 }), listener.accept()]))
  return { near, far, listener }
}

const text = (octets: Uint8Array | null): string | null => (octets === null ? null : new TextDecoder().decode(octets))

async function all(connection: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const octets of connection) pieces.push(octets)
  return Buffer.concat(pieces)
}

describe('connect and listen', () => {
  test('request, reply, end, and nothing is left', async () => {
    {
      const server = async () => {
        await using listener = listen(there, { port: 80 })
        expect([String(listener.address), listener.port]).toEqual(['::', 80])
        await using connection = await listener.accept()
        expect(text(await connection.read())).toBe('request')
        await connection.end('reply')
      }
      const client = async () => {
        await using connection = await connect(here, { host: '10.0.0.2', port: 80 })
        expect([String(connection.localAddress), String(connection.remoteAddress), connection.remotePort]).toEqual([
          '10.0.0.1',
          '10.0.0.2',
          80,
        ])
        await connection.write('request')
        expect(text(await connection.read())).toBe('reply')
        expect(await connection.read()).toBe(null)
      }
      await run(Promise.all([server(), client()]))
    }
    expect(scheduler.holds).toBe(0)
    await run(Promise.all([here.close(), there.close()]))
    expect(stacks.pool.used).toBe(0)
  })

  test('port 0 is known on return; the local end may be chosen', async () => {
    const listener = listen(there, { port: 0, host: '10.0.0.2' })
    expect(listener.port).toBeGreaterThan(0)
    const options = { host: '10.0.0.2', port: listener.port, localAddress: '10.0.0.1', localPort: 1234 }
    const [near, far] = await run(Promise.all([connect(here, options), listener.accept()]))
    expect([near.localPort, far.remotePort]).toEqual([1234, 1234])
  })

  test('a listener is an iteration that ends when it is closed', async () => {
    const listener = listen(there, { port: 80 })
    let served = 0
    const serving = (async () => {
      for await (const connection of listener) {
        served++
        void connection.end('hello')
      }
    })()
    for (let i = 0; i < 3; i++)
      expect((await run(all(await run(connect(here, { host: '10.0.0.2', port: 80 }))))).length).toBe(5)
    await listener.close()
    await run(serving)
    expect(served).toBe(3)
    await expect(listener.accept()).rejects.toMatchObject({ code: 'ECANCELED', syscall: 'accept' })
    listen(there, { port: 80 })
  })

  test('what fails', async () => {
    await expect(run(connect(here, { host: '10.0.0.2', port: 81 }))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      port: 81,
    })
    await expect(run(connect(here, { host: '10.0.0.9', port: 80 }))).rejects.toMatchObject({ code: 'EHOSTUNREACH' })
    await expect(connect(here, { host: '10.1.0.1', port: 80 })).rejects.toMatchObject({ code: 'ENETUNREACH' })
    await expect(connect(here, { host: 'example', port: 80 })).rejects.toThrow(/host: "example" is not an IP address/)
    listen(there, { port: 80 })
    expect(() => listen(there, { port: 80 })).toThrow(/EADDRINUSE/)
    expect(() => listen(there, { port: 80, host: '10.0.0.77' })).toThrow(/EADDRNOTAVAIL/)
    expect(() => listen(there, { port: -1 })).toThrow(/port: -1 is not a number from 0 to 65535/)
    expect(scheduler.holds).toBe(0)
  })
})

describe('reading and writing', () => {
  test('any pieces, with small buffers, a slow reader and every way to read', async () => {
    const ways = {
      read: all,
      readInto: async (connection: Connection) => {
        const pieces: Buffer[] = []
        const into = new Uint8Array(777)
        for (let count = -1; count !== 0; ) {
          count = await connection.readInto(into)
          pieces.push(Buffer.from(into.subarray(0, count)))
        }
        return Buffer.concat(pieces)
      },
      stream: ({ readable }: Connection) => all(readable),
      byob: async ({ readable }: Connection) => {
        const reader = readable.getReader({ mode: 'byob' })
        const pieces: Uint8Array[] = []
        for (;;) {
          const { value, done } = await reader.read(new Uint8Array(1000))
          if (done) return Buffer.concat(pieces)
          pieces.push(value)
        }
      },
    }
    const way = fc.constantFrom(...(Object.keys(ways) as (keyof typeof ways)[]))
    const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(50_000)), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(sizes, way, fc.boolean(), async (sizes, way, streamed) => {
        await start(SMALL)
        const { near, far } = await pair()
        let next = 0
        const pieces = sizes.map((size) => Uint8Array.from({ length: size }, () => next++))
        const sending = streamed
          ? new ReadableStream({
              start(controller) {
                for (const piece of pieces) controller.enqueue(piece)
                controller.close()
              },
            }).pipeTo(near.writable)
          : Promise.all([...pieces.map((piece) => near.write(piece)), near.end()])
        const [got] = await run(Promise.all([ways[way](far), sending]))
        expect(got.equals(Buffer.concat(pieces))).toBe(true)
        await run(Promise.all([near.close(), far.close()]))
        expect(scheduler.holds).toBe(0)
      }),
    )
  })

  test('what nobody reads closes the window', async () => {
    await start(SMALL)
    const { near, far } = await pair()
    let done = false
    const writing = near.write(new Uint8Array(100_000)).then(() => {
      done = true
    })
    await scheduler.settle(60_000_000)
    expect(done).toBe(false)
    let got = 0
    while (got < 100_000) got += (await run(far.read({ max: 1000 })))?.length ?? 0
    await run(writing)
    expect(got).toBe(100_000)
  })

  test('a write that is taken at once settles at once', async () => {
    const { near } = await pair()
    const order: string[] = []
    void near.write('x').then(() => order.push('written'))
    await null
    order.push('after one microtask')
    expect(order).toEqual(['written', 'after one microtask'])
  })

  test('one read at a time; the second is refused', async () => {
    const { near, far } = await pair()
    const first = far.read()
    await expect(far.read()).rejects.toMatchObject({ code: 'EALREADY' })
    await near.write('x')
    expect(text(await run(first))).toBe('x')
  })

  test('after end: reading goes on, writing is EPIPE', async () => {
    const { near, far } = await pair()
    await near.end('last')
    await expect(near.write('more')).rejects.toMatchObject({ code: 'EPIPE', syscall: 'write' })
    expect((await run(all(far))).toString()).toBe('last')
    await far.end('reply')
    expect((await run(all(near))).toString()).toBe('reply')
  })

  test('pieces of memory belong to the reader: they can be transferred', async () => {
    const { near, far } = await pair()
    for (const size of [10, 40_000]) {
      void near.write(new Uint8Array(size).fill(7))
      const first = (await run(far.read())) as Uint8Array<ArrayBuffer>
      structuredClone(first, { transfer: [first.buffer] })
      await near.write('next')
      const rest: (string | null)[] = []
      while (!rest.join('').endsWith('next')) rest.push(text(await run(far.read())))
    }
  })
})

describe('ending', () => {
  test('reset: the peer sees it, what waits here fails', async () => {
    const { near, far } = await pair()
    const waiting = near.read()
    near.reset()
    near.reset()
    await expect(waiting).rejects.toMatchObject({ code: 'ECONNABORTED' })
    await expect(run(far.read())).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(far.write('x')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await run(Promise.all([far.close(), near.close()]))
    await expect(near.read()).rejects.toThrow(/connection is closed/)
  })

  test('close delivers what is queued, although octets arrive that nobody read', async () => {
    await start(SMALL)
    const { near, far } = await pair()
    await far.write('nobody reads this')
    await scheduler.settle()
    void near.write(new Uint8Array(50_000))
    const closing = near.close()
    expect(near.close()).toBe(closing)
    expect((await run(all(far))).length).toBe(50_000)
    await far.end()
    await run(closing)
  })

  test('close does not wait for ever: neither for a peer that does not end, nor for one that does not read', async () => {
    await start(SMALL)
    const one = await pair()
    const began = scheduler.clock.now
    await run(one.near.close({ lingerMs: 300 }))
    expect(scheduler.clock.now - began).toBe(300_000)
    await one.listener.close()
    const other = await pair()
    const lost = other.near.write(new Uint8Array(100_000))
    await Promise.all([run(other.near.close()), expect(lost).rejects.toMatchObject({ code: 'ECANCELED' })])
  })

  test('close ends a read that waits', async () => {
    const { near, far } = await pair()
    const waiting = near.read()
    const closing = near.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCELED' })
    await run(Promise.all([far.close(), closing]))
    expect(scheduler.holds).toBe(0)
  })

  test('the writable stream: abort resets', async () => {
    const { near, far } = await pair()
    await near.writable.abort('enough')
    await expect(run(far.read())).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('the readable stream fails with the connection', async () => {
    const { near, far } = await pair()
    const reading = far.readable.getReader().read()
    near.reset()
    await expect(run(reading)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('detach gives the socket to a Duplex', async () => {
    const { near, far } = await pair()
    const duplex = toDuplex(far)
    duplex.on('data', (octets) => duplex.end(octets))
    await near.end('echo')
    expect((await run(all(near))).toString()).toBe('echo')
    expect(() => far.detach()).toThrow(/EINVAL/)
  })
})

describe('waiting has an end', () => {
  const waits = {
    connect: (options: object) => connect(here, { host: '10.0.0.2', port: 80, ...options }),
    accept: (options: object) => listen(there, { port: 1 }).accept(options),
    read: async (options: object) => (await pair()).near.read(options),
    readInto: async (options: object) => (await pair()).near.readInto(new Uint8Array(9), options),
    write: async (options: object) => (await pair()).near.write(new Uint8Array(100_000), options),
    receive: (options: object) => openDatagram(here).receive(options),
  }

  beforeEach(async () => {
    await start(SMALL)
  })

  /** A peer that never answers: its link swallows everything. */
  function silence(name: string): void {
    if (name === 'connect') there.interfaces[0]?.removeAddress(there.interfaces[0].addresses[0]?.address as never)
  }

  test.each(Object.keys(waits))('%s: ETIMEDOUT on the clock of the stack', async (name) => {
    silence(name)
    const failed = expect(run(waits[name as 'read']({ timeoutMs: 250 }))).rejects
    await failed.toMatchObject({ code: 'ETIMEDOUT', syscall: name === 'readInto' ? 'read' : name })
    expect(scheduler.holds).toBe(0)
  })

  test.each(Object.keys(waits))('%s: AbortError with the reason as its cause', async (name) => {
    silence(name)
    const controller = new AbortController()
    const waiting = waits[name as 'read']({ signal: controller.signal })
    const outcome = expect(waiting).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
    await scheduler.settle(10_000)
    controller.abort('enough')
    await outcome
    expect(scheduler.holds).toBe(0)
    await start()
    await expect(waits[name as 'accept']({ signal: controller.signal })).rejects.toBeInstanceOf(AbortError)
  })

  test('a read that was given up leaves the octets to the next one', async () => {
    const { near, far } = await pair()
    await expect(run(far.read({ timeoutMs: 10 }))).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    await near.write('late')
    await scheduler.settle()
    expect(text(await far.read())).toBe('late')
  })
})

describe('datagrams', () => {
  test('an echo, by iteration', async () => {
    const echo = openDatagram(there, { port: 7 })
    const serving = (async () => {
      for await (const { data, address, port } of echo) await echo.send(data, { host: address, port })
    })()
    await using near = openDatagram(here)
    expect(near.port).toBeGreaterThan(0)
    for (const message of ['one', '', 'three']) {
      await near.send(message, { host: '10.0.0.2', port: 7 })
      const { data, address, port } = await run(near.receive())
      expect([text(data), String(address), port]).toEqual([message, '10.0.0.2', 7])
    }
    near.connect({ host: '10.0.0.2', port: 7 })
    await near.send('connected')
    expect(text((await run(near.receive())).data)).toBe('connected')
    await echo.close()
    await run(serving)
  })

  test('several wait, and each gets one', async () => {
    await using far = openDatagram(there, { port: 7 })
    await using near = openDatagram(here)
    const waiting = Promise.all([far.receive(), far.receive()])
    for (const message of ['a', 'b']) await near.send(message, { host: '10.0.0.2', port: 7 })
    expect((await run(waiting)).map(({ data }) => text(data))).toEqual(['a', 'b'])
  })

  test('what fails', async () => {
    const near = openDatagram(here)
    await expect(near.send(new Uint8Array(70_000), { host: '10.0.0.2', port: 7 })).rejects.toMatchObject({
      code: 'EMSGSIZE',
    })
    await expect(near.send('x', { host: '10.0.0.2', port: 0 })).rejects.toThrow(/port: 0/)
    await expect(near.send('x')).rejects.toMatchObject({ code: 'EDESTADDRREQ' })
    expect(() => openDatagram(here, { port: near.port })).toThrow(/EADDRINUSE/)
    near.connect({ host: '10.0.0.2', port: 9 })
    await near.send('nobody listens')
    await expect(run(near.receive())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const waiting = near.receive()
    await near.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCELED' })
    await expect(near.receive()).rejects.toThrow(/socket is closed/)
    expect(scheduler.holds).toBe(0)
  })
})

describe('poll', () => {
  /** A result by the place of each target in a list: a stack's objects are too large to be printed. */
  const told = (results: readonly PollResult<PollTarget>[], ...targets: PollTarget[]) =>
    results.map(({ target, events }) => [targets.indexOf(target), events])

  test('over sockets of different stacks, whatever uses them', async () => {
    const { near, far, listener } = await pair()
    const datagrams = openDatagram(here, { port: 7 })
    const duplex = toDuplex(near)
    duplex.pause()
    const all = [listener, far, datagrams, duplex]
    expect(told(await poll(all, { timeoutMs: 0 }), ...all)).toEqual([])

    const first = poll(all)
    await openDatagram(there).send('x', { host: '10.0.0.1', port: 7 })
    expect(told(await run(first), ...all)).toEqual([[2, READABLE]])
    await datagrams.receive()

    const second = poll(all)
    duplex.write('data')
    expect(told(await run(second), ...all)).toEqual([[1, READABLE]])
    const reading = far.read()
    expect(text(await reading)).toBe('data')

    const third = poll(all)
    const late = connect(here, { host: '10.0.0.2', port: 80 })
    expect(told(await run(third), ...all)).toEqual([[0, READABLE]])
    await run(Promise.all([late, listener.accept()]))
    expect(told(await poll(all, { timeoutMs: 0 }), ...all)).toEqual([])
    expect(scheduler.holds).toBe(1) // the Duplex's, which waits for octets
  })

  test('a socket whose owner waits too: both are told', async () => {
    const { near, far } = await pair()
    const reading = far.read()
    const polling = poll([far])
    await near.write('both')
    expect(text(await run(reading))).toBe('both')
    expect(told(await polling, far)).toEqual([[0, READABLE]])
  })

  test('what is true no more when the turn comes is not told', async () => {
    const { far } = await pair()
    const polling = poll([far], { timeoutMs: 100 })
    far.socket.raise(READABLE)
    far.socket.lower(READABLE)
    expect(told(await run(polling), far)).toEqual([])
  })

  test('writability, an end, and closing', async () => {
    await start(SMALL)
    const { near, far } = await pair()
    const writing = near.write(new Uint8Array(100_000))
    await scheduler.settle(1_000_000)
    const request = { target: near, events: WRITABLE }
    const writable = poll([request], { timeoutMs: 60_000 })
    expect(told(await run(poll([request], { timeoutMs: 100 })), near)).toEqual([])
    let got = 0
    while (got < 100_000) got += (await run(far.read()))?.length ?? 0
    expect(told(await run(writable), near)).toEqual([[0, WRITABLE]])
    await writing
    await near.end()
    expect(told(await run(poll([far])), far)).toEqual([[0, READABLE]])
    expect(far.socket.read(new Uint8Array(1), 0, 1)).toBe(END)
    far.socket.reset()
    expect((await run(poll([far])))[0]?.events).toBe(CLOSED | (far.socket.ready & READABLE))
  })

  test('a timeout gives nothing, an abort rejects, and a poll that cannot end is refused', async () => {
    const listener = listen(there, { port: 80 })
    const began = scheduler.clock.now
    expect(await run(poll([listener], { timeoutMs: 1500 }))).toEqual([])
    expect(scheduler.clock.now - began).toBe(1_500_000)
    const controller = new AbortController()
    const waiting = poll([listener], { signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    await expect(poll([])).rejects.toThrow(/this would never end/)
    expect(await poll([], { timeoutMs: 1 })).toEqual([])
    expect(scheduler.holds).toBe(0)
  })
})
