/**
 * Connections between a host and a peer that does only what the test says.
 *
 * @module
 */
import { ANY_V4, type Listener, READABLE, type TcpSocket } from '@ioth/core'
import { expect } from 'vitest'
import type { TcpSegment } from '../checker/tcp.ts'
import type { Host } from '../lan/host.ts'
import { type Script, ScriptedPeer } from '../lan/scripted-peer.ts'
import type { Scene } from '../suite.ts'

/** The longest that a connection takes from its handshake to its program. */
export const ACCEPT_MS = 3000
/** Octets that tell their place. */
export const octets = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 255)
/** What a segment is, in short: `SA`, `R`, `A+10`. */
export const short = ({ syn, fin, rst, ack, data }: TcpSegment): string =>
  `${syn ? 'S' : ''}${fin ? 'F' : ''}${rst ? 'R' : ''}${ack ? 'A' : ''}${data.length > 0 ? `+${data.length}` : ''}`

/**
 * Of segments that came, those that are no repetition. On the host's clock a library repeats sooner than a moment passes; in virtual time none
 * is left out.
 */
export function fresh(
  lan: Scene['lan'],
  peer: ScriptedPeer,
  segments: readonly TcpSegment[] = peer.received,
): readonly TcpSegment[] {
  if (lan.virtual !== null) return segments
  const repeated = new Set<TcpSegment>()
  let reached: number | null = null
  for (const segment of peer.received) {
    const length = segment.data.length + (segment.fin ? 1 : 0)
    if (length === 0) continue
    const end = (segment.sequence + length) | 0
    if (reached !== null && ((end - reached) | 0) <= 0) repeated.add(segment)
    else reached = end
  }
  return segments.filter((segment) => !repeated.has(segment))
}

/**
 * Each segment of a peer draws one answer at most. On the host's clock one may come late, when a later segment has gone: there it is of all that
 * were sent so far.
 */
export class SingleAnswers {
  private readonly lan: Scene['lan']
  private readonly peer: ScriptedPeer
  private sent = 0
  private received: TcpSegment[] = []

  constructor(lan: Scene['lan'], peer: ScriptedPeer) {
    this.lan = lan
    this.peer = peer
  }

  /** Sends a segment, and tells its answers. @param what it is, for when they are too many. */
  async to(script: Script, what: string): Promise<readonly TcpSegment[]> {
    const { lan, peer } = this
    if (lan.virtual !== null) {
      this.sent = 0
      this.received = []
    }
    this.sent++
    const answers = fresh(lan, peer, await peer.exchange(script))
    this.received.push(...answers)
    const said = this.received.slice(-5).map(short)
    expect(this.received.length, `answers to ${what}, the last ones: ${said}`).toBeLessThanOrEqual(this.sent)
    return answers
  }
}

/** The connection that waits at a listener. */
export async function accepted(lan: Scene['lan'], listener: Listener): Promise<TcpSocket> {
  await lan.moment(() => (listener.ready & READABLE) !== 0, 0, ACCEPT_MS)
  const socket = listener.accept()
  if (socket === null) throw new Error('no connection waits')
  return socket
}

/** A listener on port 80. */
export function listen(host: Host, backlog = 8): Listener {
  const socket = host.stack.openTcp(4)
  socket.bind(ANY_V4, 80)
  return socket.listen(backlog)
}

/** A connection that a scripted peer made, and the socket of the host. */
export async function established(
  { lan, a }: Scene,
  options: readonly number[] = [2, 4, 5, 180],
  port = 6666,
  window = 65535,
): Promise<{ peer: ScriptedPeer; socket: TcpSocket }> {
  const listener = [...a.stack.sockets()].find(({ state }) => state === 'LISTEN')?.endpoint as Listener | undefined
  const listening = listener ?? listen(a)
  const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', port)
  await peer.connect(options, window)
  const socket = await accepted(lan, listening)
  if (a.stack.capabilities.noDelay) socket.setOption('noDelay', 1)
  return { peer, socket }
}

/** A connection that the host is opening to a scripted peer. */
export async function connecting(
  lan: Scene['lan'],
  host: Host,
  peer: ScriptedPeer,
): Promise<{ socket: TcpSocket; answer: ScriptedPeer['exchange'] }> {
  const socket = host.stack.openTcp(4)
  socket.connect(peer.address, peer.port)
  await lan.until(
    () => peer.received.length > 0,
    5000,
    () => 'a SYN',
  )
  peer.ack = ((peer.received[0]?.sequence as number) + 1) >>> 0
  const answer: ScriptedPeer['exchange'] = (script, data) =>
    peer.exchange({ destinationPort: socket.localPort, ...script }, data)
  return { socket, answer }
}

/** What has come, at most 10,000 octets. */
export function read(socket: TcpSocket): Uint8Array {
  const into = new Uint8Array(10_000)
  return into.subarray(0, Math.max(0, socket.read(into, 0, into.length)))
}

/** The connection lives: octets of the peer reach the program. */
export async function takes({ lan }: Scene, peer: ScriptedPeer, socket: TcpSocket, data: Uint8Array): Promise<void> {
  peer.send({}, data)
  await lan.moment(() => (socket.ready & READABLE) !== 0, 2, ACCEPT_MS)
  expect(read(socket)).toEqual(data)
}
