/**
 * The plug as a link: backpressure, offload, addresses, and what a switch that misbehaves does to it.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  createVirtualScheduler,
  defaultPool,
  FULL_OFFLOAD,
  NO_OFFLOAD,
  parseIpAddress,
  tryParseIpAddress,
} from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { chooseAddress, createSwitch, openVnl, type StreamPlug, type Switch } from '../src/index.ts'
import {
  afterTest,
  BROADCAST,
  frame,
  mac,
  record,
  SUPER,
  scratch,
  send,
  superSegment,
  Taker,
  textOf,
  until,
} from './harness.ts'

async function start(): Promise<Switch> {
  const running = await createSwitch({ dir: join(scratch(), 'lan') })
  afterTest(() => running.close())
  return running
}

const GREETING = 'ioth-switch 1 {"pid":1,"port":1,"mtu":9000,"accepts":{}}\n'

/** A switch made by hand: it greets, and gives its end of each connection. */
async function handMade(greeting = GREETING): Promise<{ dir: string; next(): Promise<Socket>; said: string }> {
  const dir = join(scratch(), 'lan')
  mkdirSync(dir)
  const sockets: Socket[] = []
  const made = {
    dir,
    said: '',
    next: async (): Promise<Socket> => {
      await until(() => sockets.length > 0)
      return sockets.shift() as Socket
    },
  }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      made.said += data.toString('latin1')
    })
    socket.write(greeting)
    sockets.push(socket)
    afterTest(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(join(dir, 'stream'), resolve))
  afterTest(() => server.close())
  return made
}

describe('backpressure', () => {
  test('H-40 a switch that does not read makes send take fewer, and writable comes when it reads again', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir, { queueOctets: 200_000 })
    const taker = new Taker(link)
    const socket = await hand.next()
    socket.pause()
    const frames = Array.from({ length: 64 }, (_, index) => frame(BROADCAST, mac(1), `number ${index}`, 1514))
    const used = defaultPool().used
    let taken = 0
    let last = 64
    while (last === 64) taken += last = send(link, frames)
    expect(taken).toBeLessThan(2_000)
    // References of the frames taken passed to the link, which has copied them.
    expect(defaultPool().used).toBe(used)
    expect(send(link, frames)).toBe(0)
    expect(taker.writables).toBe(0)
    socket.resume()
    await until(() => taker.writables === 1)
    expect(send(link, frames)).toBe(64)
    await until(() => (hand.said.match(/number/g) ?? []).length === taken + 64)
  })

  test('closing sends what is queued first', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    const socket = await hand.next()
    socket.pause()
    const taken = send(link, Array(600).fill(frame(BROADCAST, mac(1), 'parting', 1514)))
    expect(taken).toBe(600)
    const closed = link.close()
    expect(link.state).toBe('closed')
    socket.resume()
    await closed
    await until(() => (hand.said.match(/parting/g) ?? []).length === 600)
    expect(send(link, [frame(BROADCAST, mac(1), 'late')])).toBe(1)
    expect((link as StreamPlug).counters['drop.out.lost']).toBe(1)
    await link.close()
  })

  test('closing does not wait for a switch that never reads', async () => {
    const scheduler = createVirtualScheduler()
    const hand = await handMade()
    const opening = openVnl(hand.dir, { scheduler })
    const socket = await hand.next()
    const link = await opening
    socket.pause()
    send(link, Array(600).fill(frame(BROADCAST, mac(1), 'parting', 1514)))
    const closed = link.close()
    scheduler.advance(1_000_000)
    await closed
    expect(scheduler.holds).toBe(0)
  })
})

describe('offload', () => {
  test('what the switch does not take is finished before it leaves', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    expect(link.offload).toEqual(NO_OFFLOAD)
    send(link, [superSegment(mac(2), mac(1), 3000)], SUPER, 1448, 34)
    await until(() => (link as StreamPlug).counters['out.frames'] === 3)
    const other = await start()
    expect((await openVnl(other.dir)).offload).toEqual(FULL_OFFLOAD)
  })

  test('a segment size too small for the protocol is cut before it leaves', async () => {
    const running = await start()
    const [a, b] = [new Taker(await openVnl(running.dir)), new Taker(await openVnl(running.dir), FULL_OFFLOAD)]
    send(a.link, [superSegment(BROADCAST, mac(1), 150)], SUPER, 50, 34)
    expect((await b.take(3)).map((bytes) => bytes.length)).toEqual([104, 104, 104])
  })

  test('H-40 frames no network carries are dropped and counted', async () => {
    const running = await start()
    const [a, b] = [new Taker(await openVnl(running.dir)), new Taker(await openVnl(running.dir))]
    expect(send(a.link, [new Uint8Array(13), frame(BROADCAST, mac(1), 'ok')])).toBe(2)
    expect((await b.take(1)).map(textOf)).toEqual(['ok'])
    expect((a.link as StreamPlug).counters['drop.out.malformed']).toBe(1)
  })
})

describe('a switch that misbehaves', () => {
  test('H-40 frames that were not asked for are dropped, garbage ends the connection, and the plug tries again', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    const taker = new Taker(link)
    const first = await hand.next()
    const huge = record(frame(mac(1), mac(2), 'too long', 5000))
    const offloaded = record(superSegment(mac(1), mac(2), 3000))
    offloaded.writeUInt16BE(1448, 2)
    offloaded[1] = SUPER
    offloaded[4] = 34
    const good = record(frame(mac(1), mac(2), 'good'))
    first.write(Buffer.concat([huge, offloaded, good]))
    expect((await taker.take(1)).map(textOf)).toEqual(['good'])
    expect((link as StreamPlug).counters['drop.in.unwanted']).toBe(2)

    first.write(Buffer.from('ffffffffffffffff', 'hex'))
    await until(() => taker.states.includes('up'))
    expect(taker.states).toEqual(['lost', 'up'])
    expect(taker.reasons[0]).toMatchObject({ code: 'ERR_IOTH_PROTOCOL' })
    const second = await hand.next()
    second.write(good)
    expect((await taker.take(1)).map(textOf)).toEqual(['good'])
    expect((link as StreamPlug).counters.reconnections).toBe(1)
  })

  test('who uses the plug is said again after a reconnection', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    afterTest(() => link.close())
    const first = await hand.next()
    link.introduce?.({ backend: 'ts', listening: ['53/udp', '80/tcp'] })
    await until(() => hand.said.includes('{"type":"about","backend":"ts","listening":["53/udp","80/tcp"]}'))
    hand.said = ''
    first.destroy()
    await hand.next()
    await until(() => hand.said.includes('{"type":"about","backend":"ts","listening":["53/udp","80/tcp"]}'))
  })

  test('one that never answers is given up in time', async () => {
    const scheduler = createVirtualScheduler()
    const hand = await handMade('ioth-swi')
    const opening = openVnl(hand.dir, { scheduler })
    await hand.next()
    expect(scheduler.holds).toBe(1)
    scheduler.advance(5_000_000)
    await expect(opening).rejects.toMatchObject({
      code: 'ERR_IOTH_PROTOCOL',
      message: expect.stringMatching(/does not answer/),
    })
    expect(scheduler.holds).toBe(0)
    expect(scheduler.timers).toBe(0)
  })

  test('a claim that is never answered fails when the connection does', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    afterTest(() => link.close())
    const socket = await hand.next()
    const claim = link.claim?.(parseIpAddress('10.0.0.1'), mac(1))
    await until(() => hand.said.includes('"claim"'))
    socket.destroy()
    await expect(claim).rejects.toMatchObject({ code: 'ENETDOWN' })
  })
})

describe('attaching and flushing', () => {
  test('one taker, and from then on what it accepts', async () => {
    const running = await start()
    const [a, b] = [new Taker(await openVnl(running.dir)), new Taker(await openVnl(running.dir), FULL_OFFLOAD)]
    expect(() => a.link.attach(b)).toThrow(/has a taker already/)
    send(a.link, [superSegment(BROADCAST, mac(1), 3000)], SUPER, 1448, 34)
    await until(() => b.received.length === 1)
    expect(b.received[0]?.bytes.length).toBe(3054)
  })

  test('flush brings out what is queued, and what is flushed is not sent twice', async () => {
    const running = await createSwitch({ dir: join(scratch(), 'lan'), queueOctets: 16_777_216 })
    afterTest(() => running.close())
    const program = await openVnl(running.dir)
    const other = new Taker(await openVnl(running.dir))
    const frames = Array.from({ length: 20 }, (_, index) => frame(BROADCAST, mac(1), `number ${index}`))
    send(program, frames)
    expect(program.flush()).toBe(true)
    send(program, frames)
    const expected = frames.map(textOf)
    expect((await other.take(40)).map(textOf)).toEqual([...expected, ...expected])
    await program.close()
    expect(program.flush()).toBe(true)
  })

  test('a flush in the midst of a write costs the connection, not the stream', async () => {
    const hand = await handMade()
    const link = await openVnl(hand.dir)
    const taker = new Taker(link)
    const socket = await hand.next()
    socket.pause()
    send(link, Array(600).fill(frame(BROADCAST, mac(1), 'x', 1514)))
    expect(link.flush()).toBe(false)
    await until(() => taker.states.includes('up'))
    expect(taker.states).toEqual(['lost', 'up'])
  })
})

describe('an address for a program without one', () => {
  test('each gets another, the same name the same one again, until all are taken', async () => {
    const running = await start()
    const network = '10.9.0.0/28'
    const choose = async (name: string): Promise<[string, StreamPlug]> => {
      const link = (await openVnl(running.dir)) as StreamPlug
      afterTest(() => link.close())
      return [await chooseAddress(link, { mac: mac(1), name, network }), link]
    }
    const [first, link] = await choose('web')
    expect(first).toMatch(/^10\.9\.0\.\d+\/28$/)
    await link.close()
    await until(() => running.ports().length === 0)
    const chosen = [(await choose('web'))[0]]
    expect(chosen).toEqual([first])
    while (chosen.length < 14) chosen.push((await choose('web'))[0])
    expect(new Set(chosen).size).toBe(14)
    for (const cidr of chosen) {
      const host = (tryParseIpAddress(cidr.split('/')[0] as string)?.w3 ?? 0) & 15
      expect(host).toBeGreaterThan(0)
      expect(host).toBeLessThan(15)
    }
    await expect(choose('web')).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      message: expect.stringContaining(network),
    })
  })

  test('an address that stands for its network is not chosen itself', async () => {
    const link = await openVnl('null://')
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) =>
      chooseAddress(link, { mac: mac(1), name, network: '10.0.0.1/30' }),
    )
    expect(new Set(await Promise.all(all))).toEqual(new Set(['10.0.0.2/30']))
  })

  test('those that come at once get different ones', async () => {
    const running = await start()
    const links = await Promise.all(Array.from({ length: 10 }, () => openVnl(running.dir)))
    for (const link of links) afterTest(() => link.close())
    const chosen = await Promise.all(links.map((link, index) => chooseAddress(link, { mac: mac(index) })))
    expect(new Set(chosen).size).toBe(10)
    for (const cidr of chosen) expect(cidr).toMatch(/^10\.40\.0\.\d+\/24$/)
  })

  test('where nobody keeps a register it is a proposal', async () => {
    expect(await chooseAddress(await openVnl('null://'), { mac: mac(1), name: 'web' })).toMatch(/^10\.40\.0\.\d+\/24$/)
    await expect(
      chooseAddress(await openVnl('null://'), { mac: mac(1), network: '10.0.0.1/32' }),
    ).rejects.toMatchObject({ code: 'EINVAL' })
  })
})
