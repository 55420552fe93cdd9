/**
 * Connections end: half-close, close, lingering octets, TIME-WAIT (P-02, P-07, P-08).
 *
 * @module
 */
import { CLOSED, END, ERROR, FAILED, READABLE, type TcpSocket, WOULD_BLOCK } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { streamLength } from '../arbitraries/stream-plan.ts'
import { introduce } from '../lan/introduce.ts'
import { Service } from '../lan/service.ts'
import { ByteStreamModel } from '../model/byte-stream.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'

/** TIME-WAIT and every retransmission are over by then. */
const LONG_AFTER_MS = 600_000

export function tcpClose(suite: Suite): void {
  const { capabilities } = suite
  const halfClose = capabilities.halfClose !== 'on-close'

  if (halfClose) {
    for (const first of ['client', 'server'] as const) {
      suite.test(`R-TCP-17 half-close by the ${first}: the other direction stays open`, async ({ lan, a, b }) => {
        const service = new Service(b, 80)
        const ends = { send: 1000 } as const
        const answers = { send: 100_000, finish: 'after-peer' } as const
        const plans = first === 'client' ? ([ends, answers] as const) : ([answers, ends] as const)
        const talk = service.converse(a, ...plans)
        await lan.until(
          () => talk.isDone,
          60_000,
          () => `${talk}`,
        )
        await lan.until(
          () => talk.isClosed,
          LONG_AFTER_MS,
          () => 'CLOSED of both',
        )
      })
    }
  }

  if (!halfClose) {
    suite.test('without half-close: what is queued is sent, then the connection closes', async ({ lan, a, b }) => {
      for (const host of [a, b]) host.impair({ delayMs: 20 })
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: 60_000 }, { finish: 'after-peer' })
      await lan.until(
        () => talk.isDone,
        10_000,
        () => `${talk}`,
      )
      expect(talk.up.read).toBe(60_000)
    })

    suite.test('without half-close: a peer that stays silent is waited for briefly', async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: 100, finish: 'never' }, { finish: 'never' })
      await lan.until(() => talk.up.read === 100, 10_000)
      talk.client.finish()
      const since = lan.now
      await lan.until(
        () => talk.client.closed && talk.up.endSeen,
        10_000,
        () => `${talk}`,
      )
      // RFC 9293 has no word for this; the contract says 250 ms.
      expect(lan.now - since).toBeLessThan(1_000_000)
    })
  }

  suite.test('both sides end at once', async ({ lan, a, b }) => {
    for (const host of [a, b]) host.impair({ delayMs: 50 })
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' }, { finish: 'never' })
    await lan.until(() => talk.server !== null && talk.client.connected && talk.server.connected, 10_000)
    talk.client.finish()
    talk.server?.finish()
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
    await lan.until(() => talk.isClosed, LONG_AFTER_MS)
    // What a listing shows may outlive the socket: CLOSING, then TIME-WAIT.
    await lan.until(() => [...a.stack.sockets()].length === 0, LONG_AFTER_MS)
  })

  suite.test('close sends what is queued: written is delivered though the program left', async ({ lan, a, b }) => {
    for (const host of [a, b]) host.impair({ delayMs: 20 })
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 60_000, finish: 'never', writeSizes: [60_000] }, { finish: 'after-peer' })
    await lan.until(
      () => talk.up.written === 60_000,
      10_000,
      () => `${talk}`,
    )
    expect(a.stack.lingering).toBe(0)
    talk.up.ended = true
    talk.client.socket.close()
    expect(a.stack.lingering).toBe(1)
    await lan.until(
      () => talk.up.endSeen,
      60_000,
      () => `${talk}`,
    )
    expect(talk.up.read).toBe(60_000)
    await lan.until(() => a.stack.lingering === 0, 10_000)
  })

  suite.test(
    'R-TCP-18 close with unread octets resets: the peer must not believe they were read',
    async ({ lan, a, b }) => {
      const service = new Service(b, 80)
      const talk = service.converse(a, { send: 100, finish: 'never' }, { paused: true, finish: 'never' })
      await lan.until(() => ((talk.server?.socket.ready ?? 0) & READABLE) !== 0, 10_000)
      talk.server?.socket.close()
      await lan.until(
        () => talk.client.error !== null,
        10_000,
        () => `${talk}`,
      )
      expectError(talk.client.error, 'ECONNRESET')
    },
  )

  suite.test('the end stays readable, and nothing is written after it', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 10 }, { finish: 'never' })
    await lan.until(
      () => talk.up.endSeen,
      10_000,
      () => `${talk}`,
    )
    const into = new Uint8Array(10)
    const server = talk.server?.socket as TcpSocket
    expect([server.read(into, 0, 10), server.read(into, 0, 10)]).toEqual([END, END])
    expect(server.ready & READABLE).toBe(READABLE)
    expect(talk.client.socket.write(into, 0, 10), 'a write after shutdown').toBe(FAILED)
    expectError(talk.client.socket.error, 'EPIPE')
    // The other direction goes on.
    expect(talk.client.socket.read(into, 0, 10)).toBe(WOULD_BLOCK)
    talk.down.produce(into, 10)
    talk.down.wrote(server.write(into, 0, 10))
    await lan.until(
      () => talk.down.read === 10,
      1000,
      () => `${talk}`,
    )
  })

  suite.test('shutdown and close may be called twice', async ({ lan, a, b }) => {
    const service = new Service(b, 80)
    const talk = service.converse(a, { finish: 'never' })
    await lan.until(() => talk.down.endSeen, 10_000)
    const { socket } = talk.client
    talk.client.finish()
    socket.shutdown()
    socket.close()
    socket.close()
    socket.shutdown()
    await lan.until(() => talk.isClosed, LONG_AFTER_MS)
    expect(socket.ready & CLOSED).toBe(CLOSED)
    expect(socket.ready & ERROR).toBe(0)
  })

  suite.test('R-TCP-19 TIME-WAIT repeats the last acknowledgement', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 10 }, { finish: 'after-peer' })
    // Nothing a sends from its end on arrives: b repeats its FIN until the line is back.
    await lan.until(
      () => talk.up.endSeen,
      10_000,
      () => `${talk}`,
    )
    a.impair({ loss: 1 })
    await lan.wait(5000)
    a.impair({ loss: 0 })
    await lan.until(
      () => talk.isClosed,
      LONG_AFTER_MS,
      () => `${talk}`,
    )
    expect([talk.client.error, talk.server?.error]).toEqual([null, null])
    await lan.until(
      () => [...b.stack.sockets()].length === 1,
      60_000,
      () => 'the end of LAST-ACK',
    )
  })

  suite.familyProperty(
    'P-02 P-08 any interleaving of writes, reads, shutdown, close and reset ends in CLOSED on both sides',
    fc.record({ steps: fc.array(step(halfClose), { maxLength: 30 }), faults: suite.faults(5000) }),
    ({ steps, faults }, seed, family) =>
      suite.withScene('P-08', { seed, family, schedule: faults }, (scene) =>
        interleave(scene, steps, {
          patienceMs: LONG_AFTER_MS,
          pause: (milliseconds) => scene.lan.wait(milliseconds),
          isLeft: () => true,
        }),
      ),
  )
}

type Action = 'write' | 'read' | 'shutdown' | 'close' | 'reset' | 'wait'

/** One call of the program on either side. */
export interface Step {
  readonly side: 0 | 1
  readonly action: Action
  /** Octets, or milliseconds. */
  readonly amount: number
}

/** @param halfClose whether the program may end one direction only. */
export function step(halfClose: boolean): fc.Arbitrary<Step> {
  return fc.record({
    side: fc.constantFrom<0 | 1>(0, 1),
    action: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom<Action>('write', 'read', 'wait') },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Action>(
          ...(halfClose ? (['shutdown', 'close', 'reset'] as const) : (['close', 'reset'] as const)),
        ),
      },
    ),
    amount: streamLength(20_000),
  })
}

/** One side of the connection, as far as its program sees it. */
interface Side {
  readonly socket: TcpSocket
  readonly out: ByteStreamModel
  readonly in: ByteStreamModel
  hasShutDown: boolean
  hasLeft: boolean
}

/** What differs between virtual time and the host's clock. */
export interface Pace {
  /** Retransmissions, and what `isLeft` counts, are over by then. */
  readonly patienceMs: number
  /** Lets the network do its work. */
  pause(milliseconds: number): Promise<void>
  /** Whether a socket of a listing has to go, too, by its state. */
  isLeft(state: string): boolean
}

/** Opens a connection, does the steps, closes what is left, and sees that both ends are told once that they are closed. */
export async function interleave({ lan, a, b }: Scene, steps: readonly Step[], pace: Pace): Promise<void> {
  const listening = b.openTcp()
  listening.bind(b.address, 80)
  const listener = listening.listen(1)
  const client = a.openTcp()
  client.connect(b.address, 80)
  await lan.until(
    () => (listener.ready & READABLE) !== 0 || client.error !== null,
    pace.patienceMs,
    () => `a connection; client ${client.state}`,
  )
  expect(client.error, 'the connection').toBe(null)
  const server = listener.accept() as TcpSocket
  const [up, down] = [new ByteStreamModel('up', 1), new ByteStreamModel('down', 2)]
  const sides: readonly Side[] = [
    { socket: client, out: up, in: down, hasShutDown: false, hasLeft: false },
    { socket: server, out: down, in: up, hasShutDown: false, hasLeft: false },
  ]
  const closed = sides.map(({ socket }) => {
    const seen = { times: 0 }
    socket.onReady = () => {
      seen.times++
    }
    socket.interest = CLOSED
    return seen
  })
  for (const { side, action, amount } of steps) {
    const actor = sides[side] as Side
    if (action === 'wait') await pace.pause(amount)
    else if (!actor.hasLeft) act(actor, action, amount)
  }
  for (const side of sides) if (!side.hasLeft) act(side, 'close', 0)
  listener.close()
  const left = (): string =>
    [...a.stack.sockets(), ...b.stack.sockets()]
      .map(({ state }) => state)
      .filter((state) => pace.isLeft(state))
      .join(', ')
  await lan.until(
    () => closed.every(({ times }) => times > 0),
    pace.patienceMs,
    () => 'CLOSED',
  )
  await lan.until(
    () => left() === '',
    pace.patienceMs,
    () => `the end of ${left()}`,
  )
  expect(closed.map(({ times }) => times)).toEqual([1, 1])
}

function act(side: Side, action: Exclude<Action, 'wait'>, amount: number): void {
  const { socket, out } = side
  if (action === 'read') {
    readSome(side, amount + 1)
  } else if (action === 'write') {
    if (side.hasShutDown || amount === 0) return
    const octets = new Uint8Array(amount)
    out.produce(octets, amount)
    const count = socket.write(octets, 0, amount)
    if (count > 0) out.wrote(count)
    else expect(count).toBe(socket.error === null ? WOULD_BLOCK : FAILED)
  } else if (action === 'shutdown') {
    socket.shutdown()
    out.ended = true
    side.hasShutDown = true
  } else {
    if (action === 'reset') socket.reset()
    // Unread octets make it a reset, so the peer need not see the end; it may when there were none.
    else {
      socket.close()
      out.ended = true
    }
    side.hasLeft = true
  }
}

function readSome({ socket, in: stream }: Side, most: number): void {
  const into = new Uint8Array(most)
  const count = socket.read(into, 0, most)
  if (count > 0) stream.received(into, 0, count)
  else if (count === END) {
    if (!stream.endSeen) stream.receivedEnd()
  } else expect(count).toBe(socket.error === null ? WOULD_BLOCK : FAILED)
}
