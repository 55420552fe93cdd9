/** What a socket of a shell makes of what its engine tells late. */
import { expect, test } from 'vitest'
import {
  createCapabilities,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  NO_OFFLOAD,
  parseIpAddress,
} from '../index.ts'
import { BareEngine, createShellStack, type ListenLine, TcpLine } from '../shell.ts'

/** A connection that does what it is told in its own time. */
class SlowLine extends TcpLine {
  isAcknowledged = false
  override get isEndAcknowledged(): boolean {
    return this.isAcknowledged
  }
  override pump(): void {}
  override resume(): void {}
  override finish(): void {}
  override reset(): void {}
  override set(): void {}
}

class SlowEngine extends BareEngine {
  readonly lines: SlowLine[] = []

  override connect(): TcpLine {
    const line = new SlowLine()
    this.lines.push(line)
    return line
  }

  override listen(): ListenLine {
    return { resume() {}, set() {}, close() {} }
  }
}

/** A stack of the engine, and a socket that connects, with its line. */
async function connecting() {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [link, other] = createPipe({ scheduler, pool })
  other.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed() {} })
  let engine!: SlowEngine
  const stack = await createShellStack({
    backend: 'slow',
    capabilities: createCapabilities({ virtualTime: true }),
    stack: { scheduler, pool, interfaces: [{ link, addresses: ['10.0.0.1/24'] }] },
    engine: (shell) => {
      engine = new SlowEngine(shell)
      return engine
    },
  })
  const socket = stack.openTcp(4)
  socket.connect(parseIpAddress('10.0.0.2'), 80)
  const [line] = engine.lines as [SlowLine]
  return { scheduler, stack, socket, line }
}

test('a reset that crosses the failure of its connection: the port is free, and the stack can be closed', async () => {
  const { scheduler, stack, socket, line } = await connecting()
  line.user.connected()
  socket.write(Uint8Array.of(1), 0, 1)
  socket.reset()
  // Nothing is waited for that could still be delivered.
  expect(stack.lingering).toBe(0)
  line.user.failed('ECONNRESET')
  expect(socket.error).toBe(null)
  let isClosed = false
  void stack.close().then(() => {
    isClosed = true
  })
  await scheduler.settle(1000)
  expect(isClosed).toBe(true)
})

test('octets for a socket that is closed: its peer is told by a reset', async () => {
  const { stack, socket, line } = await connecting()
  line.user.connected()
  let resets = 0
  line.reset = () => resets++
  socket.close()
  expect(stack.lingering).toBe(1)
  line.user.received(Uint8Array.of(1), 0, 1)
  expect([resets, stack.lingering]).toEqual([1, 0])
  line.user.gone()
  await stack.close()
})

test('the states of an end: of ours, of both at once, and of the peer first', async () => {
  const ours = await connecting()
  ours.line.user.connected()
  ours.socket.shutdown()
  expect(ours.socket.state).toBe('FIN-WAIT-1')
  ours.line.isAcknowledged = true
  expect(ours.socket.state).toBe('FIN-WAIT-2')
  ours.line.user.ended()
  expect(ours.socket.state).toBe('TIME-WAIT')

  const both = await connecting()
  both.line.user.connected()
  both.socket.shutdown()
  both.line.user.ended()
  expect(both.socket.state).toBe('CLOSING')

  const peer = await connecting()
  peer.line.user.connected()
  peer.line.user.ended()
  expect(peer.socket.state).toBe('CLOSE-WAIT')
  peer.socket.shutdown()
  expect(peer.socket.state).toBe('LAST-ACK')
  for (const { stack, line } of [ours, both, peer]) {
    void stack.close()
    line.user.gone()
  }
})
