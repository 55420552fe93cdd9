import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Outbox } from './outbox.ts'
import { adopt, onReadOption } from './read-into.ts'
import { readInto } from './stream-input.ts'

let dir: string
let ends: (() => void)[] = []

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ioth-outbox-'))
})

afterAll(() => {
  for (const end of ends) end()
  rmSync(dir, { recursive: true })
})

/** Two ends of a Unix stream socket; the accepted one is paused. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true })
  const path = join(dir, String(ends.length))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const near = connect(path)
  await new Promise<void>((resolve) => near.once('connect', resolve))
  const far = await accepted
  server.close()
  // A test that leaves octets unread resets the other end when it is over.
  for (const socket of [near, far]) socket.on('error', () => {})
  ends = [...ends, () => near.destroy(), () => far.destroy()]
  return [near, far]
}

test('what is appended and reserved arrives in order, in as many writes as it takes', async () => {
  const piece = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 70_000 }))
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 30 }), async (pieces) => {
      const [near, far] = await socketPair()
      const outbox = new Outbox(near, 100_000_000, () => {})
      const expected: Buffer[] = []
      for (const [index, [reserve, length]] of pieces.entries()) {
        const octets = Buffer.alloc(length, index + 1)
        expected.push(octets)
        if (reserve) {
          const at = outbox.reserve(length)
          outbox.bytes.set(octets, at)
        } else {
          outbox.append(octets, 0, length)
        }
        if (index % 3 === 0) outbox.write()
      }
      outbox.write()
      const all = Buffer.concat(expected)
      let got = Buffer.alloc(0)
      await new Promise<void>((resolve) => {
        far.on('data', (data) => {
          got = Buffer.concat([got, data])
          if (got.length >= all.length) resolve()
        })
        far.resume()
      })
      expect(got.equals(all)).toBe(true)
      await new Promise<void>((resolve) => void near.end(resolve))
      expect(outbox.octets).toBe(0)
    }),
  )
})

test('the limit counts what the kernel has not taken, and room comes back when it has', async () => {
  const [near, far] = await socketPair()
  let written = 0
  const outbox = new Outbox(near, 2_000_000, () => {
    written++
  })
  const octets = Buffer.alloc(100_000)
  while (outbox.room(octets.length)) outbox.append(octets, 0, octets.length)
  expect(outbox.octets).toBe(2_000_000)
  outbox.write()
  expect(outbox.room(1)).toBe(false)
  expect(written).toBe(0)
  await new Promise<void>((resolve) => {
    let read = 0
    far.on('data', (data) => {
      read += data.length
      if (read === 2_000_000) resolve()
    })
    far.resume()
  })
  await new Promise<void>((resolve) => void near.end(resolve))
  expect(outbox.octets).toBe(0)
  expect(written).toBe(1)
})

test('a closed outbox takes nothing', async () => {
  const [near] = await socketPair()
  const outbox = new Outbox(near, 1_000_000, () => {})
  outbox.append(Buffer.alloc(10), 0, 10)
  outbox.write()
  outbox.close()
  expect(outbox.octets).toBe(0)
  expect(outbox.room(1)).toBe(false)
})

test('writing synchronously leaves nothing, and tells when the socket must not go on', async () => {
  const [near, far] = await socketPair()
  const outbox = new Outbox(near, 10_000_000, () => {})
  outbox.append(Buffer.alloc(1000, 1), 0, 1000)
  expect(outbox.writeSync(100)).toEqual({ empty: true, spoilt: false })
  expect(outbox.octets).toBe(0)
  // Far more than the kernel takes, and nobody reads: it gives up in time.
  outbox.append(Buffer.alloc(4_000_000, 2), 0, 4_000_000)
  outbox.write()
  expect(outbox.writeSync(5)).toEqual({ empty: false, spoilt: true })
  far.destroy()
})

test('an accepted socket reads into the common memory, also when its handle is out of reach', async () => {
  for (const hidden of [false, true]) {
    const [near, far] = await socketPair()
    const accepted = hidden ? withoutHandle(far) : far
    let text = ''
    await new Promise<void>((resolve) => {
      const socket = adopt(accepted, (octets) => {
        text += readInto.toString('latin1', 0, octets)
        if (text === 'hello again') resolve()
        return true
      })
      ends.push(() => socket.destroy())
      near.write('hello', () => void near.write(' again'))
    })
  }
  expect(onReadOption(() => true).buffer).toBe(readInto)
})

/** The same socket, seen by a version of Node that hides the handle. */
function withoutHandle(socket: Socket): Socket {
  return new Proxy(socket, {
    get(target, name) {
      if (name === '_handle') return null
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
