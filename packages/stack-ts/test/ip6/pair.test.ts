/**
 * Two stacks on one pipe, over IPv6: the way of a datagram, of a connection, of an echo.
 *
 * @module
 */
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  END,
  type IpAddress,
  parseIpAddress,
  type Stack,
  type VirtualScheduler,
} from '@ioth/core'
import { expect, test } from 'vitest'
import { createStack } from '../../src/index.ts'

interface Pair {
  readonly scheduler: VirtualScheduler
  readonly a: Stack
  readonly b: Stack
}

async function pair(
  addresses: readonly string[] = ['fc00::1/64'],
  others: readonly string[] = ['fc00::2/64'],
): Promise<Pair> {
  const scheduler = createVirtualScheduler({ seed: 1 })
  const pool = createFramePool({ limit: 64 * 1024 * 1024 })
  const [near, far] = createPipe({ scheduler, pool })
  const made = Promise.all([
    createStack({ scheduler, pool, interfaces: [{ link: near, addresses }] }),
    createStack({ scheduler, pool, interfaces: [{ link: far, addresses: others }] }),
  ])
  await scheduler.settle(5_000_000)
  const [a, b] = await made
  return { scheduler, a, b }
}

const ip = (text: string): IpAddress => parseIpAddress(text)

test('ping, TCP and loopback over IPv6', async () => {
  const { scheduler, a, b } = await pair()
  for (const to of ['fc00::2', '::1', 'fc00::1']) {
    const ping = a.ping(ip(to), { timeoutMs: 2000 })
    await scheduler.settle(3_000_000)
    expect((await ping).from.toString()).toBe(to)
  }
  const opened = b.openTcp(6)
  opened.bind(ip('::'), 80)
  const listener = opened.listen(5)
  const client = a.openTcp(6)
  client.connect(ip('fc00::2'), 80)
  scheduler.advance(1_000_000)
  expect(client.state).toBe('ESTABLISHED')
  const server = listener.accept()!
  expect(server.remoteAddress?.toString()).toBe('fc00::1')
  const text = new TextEncoder().encode('over IPv6')
  client.write(text, 0, text.length)
  client.shutdown()
  scheduler.advance(1_000_000)
  const into = new Uint8Array(100)
  expect(server.read(into, 0, 100)).toBe(9)
  expect(server.read(into, 0, 100)).toBe(END)
})
