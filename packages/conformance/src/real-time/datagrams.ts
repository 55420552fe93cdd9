/**
 * Datagrams on the host's clock (P-22): whole, from whom they say, and no oftener than the line copied them.
 *
 * @module
 */
import { type DatagramSink, READABLE, type UdpSocket, WOULD_BLOCK, WRITABLE } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Host } from '../lan/host.ts'
import { DatagramModel } from '../model/datagrams.ts'
import type { Suite } from '../suite.ts'
import { impairBoth, isSound, overLines, PATIENCE_MS, type Profile } from './lines.ts'

const LARGEST = 4000
const MOST = 20
/** The last one, over the mended line: when it has come, all that was to come before it may be counted. */
const MARKER = 8

export function datagrams(suite: Suite, profile: Profile): void {
  const title = 'P-22 real time: datagrams arrive whole, from their sender, and no oftener than the line copied them'
  const claims = suite.backends.map(({ capabilities }) => capabilities)
  if (claims.some(({ udp }) => udp === 'none')) {
    suite.notClaimed(title, 'udp: none')
    return
  }
  // Sockets that can speak to one peer only are given it.
  const isConnected = claims.some(({ udp }) => udp === 'connected')
  if (isConnected)
    suite.notClaimed('P-22 real time: datagrams between sockets that are not connected', 'udp: connected')
  const largest = Math.min(LARGEST, ...claims.map(({ limits }) => limits.maxDatagram))
  // The length that fits one frame is told for IPv4, whose header is shorter.
  const length = fc.integer({ min: 4, max: largest < LARGEST ? largest - 20 : largest })
  overLines(
    suite,
    profile,
    title,
    () => fc.array(length, { minLength: 1, maxLength: MOST }),
    async (sizes, scene, line) => {
      const { lan, a, b } = scene
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        impairBoth(scene, line)
        // Copies of fragments may make more whole datagrams than copies of frames.
        const model = new DatagramModel((line.duplicate ?? 0) > 0 ? 8 : 1)
        const receiver = receive(to, model)
        const sender = from.openUdp()
        sender.bind(from.any, 1053)
        if (isConnected) {
          receiver.connect(from.address, 1053)
          sender.connect(to.address, 53)
        }
        const target = isConnected ? null : to.address
        const send = async (size: number): Promise<void> => {
          const datagram = model.next(size, `${from.address}:1053`)
          while (sender.send(datagram, 0, size, target, 53) === WOULD_BLOCK) {
            await lan.until(
              () => (sender.ready & WRITABLE) !== 0,
              PATIENCE_MS,
              () => 'room for a datagram',
            )
          }
        }
        for (const size of sizes) await send(size)
        impairBoth(scene, {})
        const marker = model.sent
        await send(MARKER)
        await lan.until(
          () => (model.deliveries[marker] ?? 0) > 0,
          PATIENCE_MS,
          () => 'the last datagram, over a sound line',
        )
        if (isSound(line)) expect(model.delivered, 'delivered by a sound line').toBe(model.sent)
        receiver.close()
        sender.close()
      }
    },
  )
}

/** Takes what comes to port 53. */
function receive(host: Host, model: DatagramModel): UdpSocket {
  const socket = host.openUdp()
  socket.bind(host.any, 53)
  const sink: DatagramSink = {
    datagram: (memory, offset, length, from, port) => {
      model.received(memory, offset, length, `${from}:${port}`)
      return true
    },
  }
  socket.onReady = () => host.attempt(() => socket.receive(64, sink))
  socket.interest = READABLE
  return socket
}
