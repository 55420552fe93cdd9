import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  END,
  ERROR,
  FULL_OFFLOAD,
  NO_OFFLOAD,
  parseIpAddress,
  READABLE,
  WRITABLE,
} from '@ioth/core'
import { expect, test } from 'vitest'
import { createStack } from '../src/index.ts'

for (const offload of [NO_OFFLOAD, FULL_OFFLOAD])
  test(`slice ${offload.segment}`, async () => {
    const scheduler = createVirtualScheduler()
    const pool = createFramePool()
    const [la, lb] = createPipe({ scheduler, pool, offload })
    const pa = createStack({ scheduler, pool, interfaces: [{ link: la, addresses: ['10.0.0.1/24'] }] })
    const pb = createStack({ scheduler, pool, interfaces: [{ link: lb, addresses: ['10.0.0.2/24'] }] })
    await scheduler.settle(100_000)
    const a = await pa
    const b = await pb
    const addr = parseIpAddress('10.0.0.2')
    const p = a.ping(addr)
    await scheduler.settle(1000)
    expect((await p).size).toBe(56)
    const l = b.openTcp(4)
    l.bind(parseIpAddress('0.0.0.0'), 80)
    const listener = l.listen(10)
    const c = a.openTcp(4)
    c.connect(addr, 80)
    scheduler.advance(1000)
    expect(c.state).toBe('ESTABLISHED')
    const s = listener.accept()!
    expect(s.state).toBe('ESTABLISHED')
    const data = new Uint8Array(10_000_000).map((_, i) => (i * 7919) >>> 3)
    let sent = 0
    let got = 0
    const out = new Uint8Array(data.length)
    c.interest = WRITABLE | ERROR
    c.onReady = () => {
      const n = c.write(data, sent, data.length - sent)
      if (n > 0) sent += n
      if (sent === data.length) {
        c.shutdown()
        c.interest = 0
      }
    }
    let end = false
    s.interest = READABLE
    s.onReady = () => {
      const n = s.lend(1 << 20, {
        bytes(m, o, l) {
          out.set(m.subarray(o, o + l), got)
          got += l
          return true
        },
      })
      if (n === END) {
        end = true
        s.interest = 0
        s.close()
      }
    }
    scheduler.advance(10_000_000)
    expect(end).toBe(true)
    expect(got).toBe(data.length)
    expect(Buffer.compare(out, data)).toBe(0)
    expect(c.read(out, 0, 10)).toBe(END)
    c.close()
    listener.close()
    scheduler.advance(61_000_000)
    const done = Promise.all([a.close(), b.close()])
    await scheduler.settle(1000)
    await done
    expect(pool.used).toBe(0)
    expect(scheduler.timers).toBe(0)
    expect(scheduler.holds).toBe(0)
  })
