/**
 * A simulated network for measurements of throughput, in virtual time: two stacks, one line between them with a round trip time, random
 * loss of what flows one way, a rate and a bounded queue; flows that send for as long as they may.
 *
 * @module
 */
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  impair,
  READABLE,
  type Stack,
  type TcpSocket,
  WRITABLE,
} from '@ioth/core'
import { createStack, type TsSettings } from '../../src/index.ts'
import { ip } from '../scenario.ts'

/** Payload of a full segment at MTU 1500 with timestamps. */
export const SEGMENT = 1448
/** And its octets on the line. */
const FRAME = 1514
/** The receive buffer, and so the largest window. */
export const WINDOW: number = 512 * 1024

export interface Line {
  readonly rttMs: number
  /** Probability that a segment with data is lost. */
  readonly loss?: number
  /** Of the whole line; 0: no limit. */
  readonly rateBitsPerSecond?: number
  readonly queueFrames?: number
  readonly jitterMs?: number
  readonly reorder?: number
  readonly flows?: number
  readonly seed?: number
  readonly settings?: TsSettings
  readonly warmUpMs?: number
  readonly durationMs: number
  /** Sees the sending stack before anything is sent. */
  readonly onSender?: (sender: Stack) => void
}

export interface Outcome {
  /** Octets a second of each flow, as its reader got them after the warm-up. */
  readonly flows: readonly number[]
  readonly total: number
  readonly counters: Readonly<Record<string, number>>
}

const MTU_PAYLOAD = new Uint8Array(65536)

/** Lets flows send from one stack to the other, and measures. */
export async function measure(line: Line): Promise<Outcome> {
  const { rttMs, loss = 0, rateBitsPerSecond = 0, queueFrames = 1000, seed = 1, flows = 1 } = line
  const { jitterMs = 0, reorder = 0 } = line
  const scheduler = createVirtualScheduler({ seed })
  const pool = createFramePool({ limit: 256 * 1024 * 1024 })
  const [near, far] = createPipe({ scheduler, pool, queueFrames: 4096 })
  const delayMs = rttMs / 2
  const link = impair(near, {
    scheduler,
    pool,
    seed,
    out: { loss, delayMs, jitterMs, reorder, rateBitsPerSecond, queueFrames },
    in: { delayMs },
  })
  const stacks: Stack[] = []
  for (const [index, end] of [link, far].entries()) {
    stacks.push(
      await createStack({
        scheduler,
        pool,
        interfaces: [{ link: end, addresses: [`10.0.0.${index + 1}/24`] }],
        // A writer is called when a part of its buffer is free: with twice the window it never holds the window up.
        limits: { sendBuffer: 2 * WINDOW, receiveBuffer: WINDOW },
        settings: { probe: 'none', ...line.settings },
      }),
    )
  }
  const [sender, receiver] = stacks as [Stack, Stack]
  line.onSender?.(sender)
  const read = new Float64Array(flows)
  const sockets = Array.from({ length: flows }, (_, index) => open(sender, receiver, 5000 + index, read, index))
  const { warmUpMs = 0, durationMs } = line
  scheduler.advance(warmUpMs * 1000)
  const before = read.slice()
  scheduler.advance(durationMs * 1000)
  const rates = Array.from(read, (octets, index) => ((octets - (before[index] ?? 0)) * 1000) / durationMs)
  const counters = sender.counters()
  for (const socket of sockets) socket.reset()
  const closed = Promise.all(stacks.map((stack) => stack.close()))
  await scheduler.settle(300_000_000)
  await closed
  if (pool.used !== 0) throw new Error(`${pool.used} slots are left`)
  return { flows: rates, total: rates.reduce((sum, rate) => sum + rate, 0), counters }
}

/** A flow to a port of its own: it writes whatever there is room for, the other end reads all at once. */
function open(sender: Stack, receiver: Stack, port: number, read: Float64Array, index: number): TcpSocket {
  const server = receiver.openTcp(4)
  server.bind(ip('0.0.0.0'), port)
  const listener = server.listen(1)
  const sink = {
    bytes: (_: Uint8Array, __: number, length: number): boolean => {
      read[index] = (read[index] ?? 0) + length
      return true
    },
  }
  listener.onReady = () => {
    const accepted = listener.accept()
    if (accepted === null) return
    accepted.onReady = (socket) => {
      while ((socket as TcpSocket).lend(1 << 20, sink) > 0);
    }
    accepted.interest = READABLE
  }
  listener.interest = READABLE
  const client = sender.openTcp(4)
  client.onReady = () => {
    while (client.write(MTU_PAYLOAD, 0, MTU_PAYLOAD.length) > 0);
  }
  client.interest = WRITABLE
  client.connect(ip('10.0.0.2'), port)
  return client
}

/** What the flows together can reach at most, in octets a second: Mathis' formula, the window, or the line. */
export function bound({ rttMs, loss = 0, rateBitsPerSecond = 0, flows = 1 }: Line): { rate: number; by: string } {
  const rtt = rttMs / 1000
  const bounds = [{ rate: (flows * WINDOW) / rtt, by: 'window' }]
  if (loss > 0) bounds.push({ rate: (flows * 1.22 * SEGMENT) / (rtt * Math.sqrt(loss)), by: 'Mathis' })
  if (rateBitsPerSecond > 0) bounds.push({ rate: ((rateBitsPerSecond / 8) * SEGMENT) / FRAME, by: 'line' })
  return bounds.reduce((least, other) => (other.rate < least.rate ? other : least))
}
