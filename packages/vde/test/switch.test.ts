/**
 * The switch with plugs and with connections made by hand, over real sockets in one process.
 *
 * @module
 */
import { chmodSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKSUM_VERIFIED, createFramePool, createVirtualScheduler, FULL_OFFLOAD, parseIpAddress } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { createSwitch, listPorts, openVnl, type Switch, type SwitchOptions } from '../src/index.ts'
import {
  afterTest,
  announcement,
  BROADCAST,
  frame,
  mac,
  OPENING,
  RawClient,
  record,
  SUPER,
  scratch,
  send,
  superSegment,
  Taker,
  textOf,
  until,
} from './harness.ts'

async function start(options: Partial<SwitchOptions> = {}): Promise<Switch> {
  const running = await createSwitch({ dir: join(scratch(), 'lan'), ...options })
  afterTest(() => running.close())
  return running
}

async function plug(running: Switch, accepts = FULL_OFFLOAD, options = {}): Promise<Taker> {
  return new Taker(await openVnl(running.dir, options), accepts)
}

/** What a plug says when it comes, so that the switch learns its address; waits until the others have it. */
async function introduce(takers: readonly Taker[]): Promise<void> {
  for (const [index, taker] of takers.entries()) {
    send(taker.link, [frame(BROADCAST, mac(index + 1), 'hello')])
    for (const other of takers) if (other !== taker) await other.take(1)
  }
}

describe('forwarding', () => {
  test('frames for an unknown address go to all others, for a learned one to its port alone', async () => {
    const running = await start()
    const [a, b, c] = [await plug(running), await plug(running), await plug(running)]
    send(a.link, [frame(mac(2), mac(1), 'who is 2?')])
    expect(textOf((await b.take(1))[0])).toBe('who is 2?')
    expect(textOf((await c.take(1))[0])).toBe('who is 2?')

    send(b.link, [frame(mac(1), mac(2), 'I am')])
    expect(textOf((await a.take(1))[0])).toBe('I am')
    send(a.link, [frame(mac(2), mac(1), 'only you')])
    send(a.link, [frame(BROADCAST, mac(1), 'all')])
    expect((await b.take(2)).map(textOf)).toEqual(['only you', 'all'])
    // Order on one port is kept, so had it got the first it would be here.
    expect((await c.take(1)).map(textOf)).toEqual(['all'])
    expect(running.counters().flooded).toBe(2)
    expect(running.counters()['in.frames']).toBe(4)
    expect(running.counters()['out.frames']).toBe(6)
  })

  test('an address that shows up behind another port moves there', async () => {
    const running = await start()
    const [a, b, c] = [await plug(running), await plug(running), await plug(running)]
    await introduce([a, b, c])
    send(c.link, [frame(mac(1), mac(2), 'I moved')])
    await a.take(1)
    send(a.link, [frame(mac(2), mac(1), 'here?'), frame(BROADCAST, mac(1), 'all')])
    expect((await c.take(2)).map(textOf)).toEqual(['here?', 'all'])
    expect((await b.take(1)).map(textOf)).toEqual(['all'])
  })

  test('a frame whose destination is behind its own port, or whose source is a group, is dropped', async () => {
    const running = await start()
    const [a, b] = [await plug(running), await plug(running)]
    await introduce([a, b])
    send(a.link, [frame(mac(1), mac(7), 'self'), frame(mac(2), BROADCAST, 'group'), frame(BROADCAST, mac(1), 'end')])
    expect((await b.take(1)).map(textOf)).toEqual(['end'])
    expect(running.counters()).toMatchObject({ 'drop.in.same-port': 1, 'drop.in.bad-source': 1 })
  })

  test('a hub gives every frame to every port', async () => {
    const running = await start({ hub: true })
    const [a, b, c] = [await plug(running), await plug(running), await plug(running)]
    await introduce([a, b, c])
    send(a.link, [frame(mac(2), mac(1), 'not secret')])
    expect((await c.take(1)).map(textOf)).toEqual(['not secret'])
    expect((await b.take(1)).map(textOf)).toEqual(['not secret'])
  })

  test('addresses that were not seen for long are forgotten', async () => {
    const scheduler = createVirtualScheduler()
    const running = await start({ scheduler, ageingSeconds: 20 })
    const [a, b, c] = [await plug(running), await plug(running), await plug(running)]
    await introduce([a, b, c])
    scheduler.advance(60_000_000)
    send(a.link, [frame(mac(2), mac(1), 'still there?')])
    expect((await c.take(1)).map(textOf)).toEqual(['still there?'])
  })

  test('frames of 9 KB pass, and to a plug with a smaller MTU they do not', async () => {
    const running = await start()
    const [a, b, c] = [
      await plug(running, FULL_OFFLOAD, { mtu: 9000 }),
      await plug(running, FULL_OFFLOAD, { mtu: 9000 }),
      await plug(running),
    ]
    await introduce([a, b, c])
    send(a.link, [frame(BROADCAST, mac(1), 'jumbo', 9014), frame(BROADCAST, mac(1), 'small')])
    expect((await b.take(2)).map((bytes) => bytes.length)).toEqual([9014, 60])
    expect((await c.take(1)).map(textOf)).toEqual(['small'])
    expect(running.counters()['drop.out.too-long']).toBe(1)
  })

  test('sixty plugs hear a broadcast, and each can be spoken to alone', async () => {
    const running = await start()
    const takers = await Promise.all(Array.from({ length: 60 }, () => plug(running)))
    await introduce(takers)
    const [first, ...others] = takers as [Taker, ...Taker[]]
    others.forEach((_, index) => void send(first.link, [frame(mac(index + 2), mac(1), `for ${index + 2}`)]))
    for (const [index, taker] of others.entries()) {
      expect((await taker.take(1)).map(textOf)).toEqual([`for ${index + 2}`])
    }
    expect(await listPorts(running.dir)).toHaveLength(60)
    // Each of the sixty introduced itself to 59.
    expect(running.counters()['out.frames']).toBe(60 * 59 + 59)
  })
})

describe('offload', () => {
  test.each([0, 12, 40])(
    'the largest super-segment passes whole to a plug that takes it: %i octets of options',
    async (options) => {
      const running = await start()
      const [a, b] = [await plug(running), await plug(running)]
      await introduce([a, b])
      const whole = superSegment(mac(2), mac(1), FULL_OFFLOAD.maxSegment, options)
      expect(send(a.link, [whole], SUPER, 1448, 34)).toBe(1)
      await until(() => b.received.length === 1)
      expect(b.received[0]).toEqual({ bytes: whole, flags: SUPER, segmentSize: 1448, transportAt: 34 })
    },
  )

  test('and is cut and summed for one that does not', async () => {
    const running = await start()
    const [a, b] = [await plug(running), new Taker(await openVnl(running.dir))]
    await introduce([a, b])
    const whole = superSegment(mac(2), mac(1), 10_000)
    send(a.link, [whole], SUPER, 1448, 34)
    const count = Math.ceil(10_000 / 1448)
    await until(() => b.received.length === count)
    const pieces = b.received.map(({ bytes }) => bytes)
    expect(Buffer.concat(pieces.map((bytes) => bytes.subarray(54)))).toEqual(Buffer.from(whole.subarray(54)))
    const sums = createFramePool()
    for (const [index, { bytes, flags }] of b.received.entries()) {
      const view = new DataView(bytes.buffer)
      expect(flags).toBe(CHECKSUM_VERIFIED)
      expect(bytes.length).toBeLessThanOrEqual(1514)
      expect(view.getUint32(38)).toBe(1 + index * 1448)
      const at = sums.take(bytes.length)
      sums.bytes.set(bytes, at)
      // A right checksum makes the sum of everything it covers all ones (RFC 1071).
      expect(sums.sum(at + 14, 20)).toBe(0xffff)
      expect(sums.sum(at + 26, bytes.length - 26, 6 + bytes.length - 34)).toBe(0xffff)
    }
  })

  test('one that cannot be cut is dropped and counted', async () => {
    const running = await start()
    const [a, b] = [await plug(running), new Taker(await openVnl(running.dir))]
    await introduce([a, b])
    const lie = frame(mac(2), mac(1), 'no TCP here', 3000)
    send(a.link, [lie], SUPER, 1448, 34)
    send(a.link, [frame(mac(2), mac(1), 'next')])
    expect((await b.take(1)).map(textOf)).toEqual(['next'])
    expect(running.counters()['drop.out.unfinishable']).toBe(1)
  })
})

describe('addresses', () => {
  const address = parseIpAddress('10.0.0.1')

  test('one that another plug has is refused with its name, and free again when that one goes', async () => {
    const running = await start()
    const [a, b] = [await plug(running, FULL_OFFLOAD, { name: 'web' }), await plug(running)]
    expect(await a.link.claim?.(address, mac(1))).toBe(true)
    expect(await a.link.claim?.(address, mac(1))).toBe(true)
    await expect(b.link.claim?.(address, mac(2))).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '10.0.0.1',
      message: expect.stringMatching(/10\.0\.0\.1 is in use.*web.*02:00:00:00:00:01.*ioth ps/),
    })
    expect(running.counters()['claims-refused']).toBe(1)
    await a.link.close()
    await until(() => running.ports().length === 1)
    expect(await b.link.claim?.(address, mac(2))).toBe(true)
    b.link.unclaim?.(address)
    const c = await plug(running)
    await until(() => running.ports().every(({ addresses }) => addresses.length === 0))
    expect(await c.link.claim?.(parseIpAddress('fd00::1'), mac(3))).toBe(true)
    expect(await c.link.claim?.(address, mac(3))).toBe(true)
  })

  test('ARP shows the addresses of a plug that claims none; who claims one of them must ask the network', async () => {
    const running = await start()
    const [a, b] = [await plug(running), await plug(running)]
    send(a.link, [announcement(mac(1), [10, 0, 0, 1])])
    await b.take(1)
    expect(running.ports()[0]?.addresses).toEqual([{ address: '10.0.0.1', mac: mac(1), claimed: false }])
    expect(await b.link.claim?.(address, mac(2))).toBe(false)
    b.link.unclaim?.(address)
    send(a.link, [announcement(mac(1), [10, 0, 0, 1])])
    await b.take(1)
    // Only seen: when it shows up elsewhere it has moved.
    send(b.link, [announcement(mac(2), [10, 0, 0, 1])])
    await a.take(1)
    expect(await b.link.claim?.(address, mac(2))).toBe(true)
    // Claimed: a second user is counted, and changes nothing.
    send(a.link, [announcement(mac(1), [10, 0, 0, 1])])
    await b.take(1)
    expect(running.counters()['address-conflicts']).toBe(1)
    expect(running.ports()[1]?.addresses).toEqual([{ address: '10.0.0.1', mac: mac(2), claimed: true }])
  })

  test('the list of ports tells who has what', async () => {
    const running = await start()
    const a = await plug(running, FULL_OFFLOAD, { name: 'web\u001b[31m' })
    await a.link.claim?.(address, mac(1))
    const [told] = await listPorts(running.dir)
    expect(told).toMatchObject({
      port: 1,
      name: 'web?[31m',
      pid: process.pid,
      mtu: 1500,
      addresses: [{ address: '10.0.0.1', mac: mac(1), claimed: true }],
    })
    expect(await listPorts(running.dir)).toHaveLength(1)
  })
})

describe('those who break the protocol', () => {
  test.each([
    ['GET / HTTP/1.1\r\n\r\n', 'refused.opening', /^ioth-refused this is the stream plug/],
    ['\0\0\0\0', 'refused.opening', /^ioth-refused/],
    [`ioth-plug 1 ${'x'.repeat(2000)}`, 'refused.opening', /^ioth-refused the opening is longer than 1024/],
    ['ioth-plug 1 nonsense\n', 'refused.opening', /^ioth-refused the opening holds no JSON object/],
    ['ioth-plug 7 {}\n', 'refused.opening', /^ioth-refused this switch speaks version 1 .* asked for version 7/],
    ['ioth-plug 1 {"mtu":20000}\n', 'refused.mtu', /^ioth-refused this switch carries packets of up to 9000 octets/],
    ['ioth-plug 1 {"mtu":1e300}\n', 'refused.opening', /^ioth-refused the opening names no MTU/],
  ])('%j is refused in words', async (opening, counter, words) => {
    const running = await start()
    const other = await plug(running)
    const raw = new RawClient(running.dir, opening)
    expect(await raw.line()).toMatch(words)
    await raw.closed
    expect(running.counters()[counter]).toBe(1)
    // The others do not notice.
    expect(await other.link.claim?.(parseIpAddress('10.0.0.1'), mac(1))).toBe(true)
    expect(other.states).not.toContain('lost')
  })

  test.each([
    ['kind', Buffer.from('ff00000000000010', 'hex')],
    ['frame-length', Buffer.from('0000000000000003', 'hex')],
    ['frame-length', Buffer.from('0000000000ffffff', 'hex')],
    ['flags', Buffer.from('0080000000000040', 'hex')],
    ['frame-header', Buffer.from('000005b400000040', 'hex')],
    ['transport-at', Buffer.from('00040400ff000040', 'hex')],
    ['segment-size', Buffer.from('0004000122000040', 'hex')],
    ['control-length', Buffer.from('010000000000ffff', 'hex')],
    ['control-message', record(Buffer.from('{"type":"claim"}'), 1)],
    ['control-message', record(Buffer.from('not json'), 1)],
  ])('a record with a bad %s closes that plug alone, with a counted reason', async (reason, garbage) => {
    const running = await start()
    const [a, b] = [await plug(running), await plug(running)]
    const raw = new RawClient(running.dir, OPENING)
    await raw.line()
    raw.socket.write(garbage)
    await raw.closed
    expect(raw.text).toContain(`protocol error: ${reason}`)
    expect(running.counters()[`expelled.${reason}`]).toBe(1)
    await introduce([a, b])
    expect(running.ports()).toHaveLength(2)
  })

  test('H-40 frames that come one octet at a time arrive whole, and half a frame at the end does not', async () => {
    const running = await start()
    const a = await plug(running)
    const raw = new RawClient(running.dir)
    const bytes = frame(BROADCAST, mac(9), 'drop by drop')
    for (const octet of Buffer.concat([Buffer.from(OPENING), record(bytes), record(bytes).subarray(0, 40)])) {
      await new Promise<void>((resolve) => void raw.socket.write(Buffer.of(octet), () => resolve()))
    }
    expect(await a.take(1)).toEqual([bytes])
    raw.socket.destroy()
    await until(() => running.ports().length === 1)
    expect(running.counters()['in.frames']).toBe(1)
    expect(a.received).toEqual([])
  })

  test('a connection that never says what it is ends', async () => {
    const scheduler = createVirtualScheduler()
    const running = await start({ scheduler })
    const raw = new RawClient(running.dir, 'ioth-plu')
    await until(() => raw.socket.readyState === 'open')
    await until(() => {
      scheduler.advance(1_000_000)
      return raw.socket.destroyed
    })
    expect(running.counters()['refused.opening-late']).toBe(1)
  })

  test('H-40 a plug that does not read loses its own frames, and nobody else does', async () => {
    const running = await start({ queueOctets: 262_144 })
    const [a, b] = [await plug(running), await plug(running)]
    await introduce([a, b])
    const raw = new RawClient(running.dir, OPENING)
    await raw.line()
    raw.socket.pause()
    raw.socket.write(record(frame(BROADCAST, mac(9), 'hello')))
    await a.take(1)
    await b.take(1)
    while (running.ports()[2]?.counters['drop.out.queue-full'] === 0) {
      await b.take(send(a.link, Array(32).fill(frame(BROADCAST, mac(1), 'flood', 1514))))
    }
    expect(running.ports()[1]?.counters['drop.out.queue-full']).toBe(0)
    // The kernel's buffers, and ours.
    expect(running.ports()[2]?.queued).toBeLessThanOrEqual(262_144)
  })

  test('a plug that asks and does not listen is let go', async () => {
    const running = await start({ queueOctets: 262_144 })
    const raw = new RawClient(running.dir, OPENING)
    await raw.line()
    raw.socket.pause()
    const question = record(Buffer.from('{"type":"ports","id":1}'), 1)
    await until(() => {
      raw.socket.write(Buffer.concat(Array(64).fill(question)))
      return running.counters()['expelled.answers-unread'] === 1
    })
    expect(running.ports()).toEqual([])
  })

  test('messages of a later version are answered, and change nothing', async () => {
    const running = await start()
    const raw = new RawClient(running.dir, OPENING)
    await raw.line()
    raw.socket.write(record(Buffer.from('{"type":"teleport","id":5}'), 1))
    await until(() => raw.text.includes('does not know'))
    expect(raw.text).toContain('"id":5')
    expect(running.ports()).toHaveLength(1)
  })
})

describe('ports and ends', () => {
  test('when all ports are taken the next plug is told so', async () => {
    const running = await start({ maxPorts: 1 })
    await plug(running)
    await expect(openVnl(running.dir)).rejects.toMatchObject({
      code: 'ERR_IOTH_PROTOCOL',
      message: expect.stringContaining('all 1 ports of this switch are taken'),
    })
    expect(await listPorts(running.dir)).toHaveLength(1)
  })

  test('a switch without plugs ends when it is told to', async () => {
    const scheduler = createVirtualScheduler()
    const running = await start({ scheduler, idleMs: 5_000 })
    const a = await plug(running)
    scheduler.advance(60_000_000)
    expect(running.ports()).toHaveLength(1)
    await a.link.close()
    await until(() => running.ports().length === 0)
    scheduler.advance(4_999_000)
    expect(await listPorts(running.dir)).toEqual([])
    scheduler.advance(1_000)
    expect(await running.closed).toBe('idle')
  })

  test('its files are private, and gone after it ends', async () => {
    const running = await start()
    expect(statSync(running.dir).mode & 0o777).toBe(0o700)
    expect(statSync(join(running.dir, 'stream')).mode & 0o777).toBe(0o600)
    const a = await plug(running)
    await running.close('maintenance')
    expect(() => statSync(join(running.dir, 'stream'))).toThrow(/ENOENT/)
    await until(() => a.states.includes('lost'))
    expect(a.reasons[a.states.indexOf('lost')]?.message).toMatch(/hung up: maintenance/)
  })

  test('a switch whose socket was replaced ends', async () => {
    const scheduler = createVirtualScheduler()
    const dir = join(scratch(), 'lan')
    const running = await createSwitch({ dir, scheduler })
    afterTest(() => running.close())
    await plug(running)
    renameSync(join(dir, 'stream'), join(dir, 'elsewhere'))
    scheduler.advance(20_000_000)
    expect(await running.closed).toBe('its socket was removed')
  })

  test.each([
    ['mtu', { mtu: 10 }],
    ['queueOctets', { queueOctets: 1 }],
    ['maxPorts', { maxPorts: 0 }],
    ['idleMs', { idleMs: Number.NaN }],
  ])('%s out of range is refused', async (name, options) => {
    await expect(createSwitch({ dir: join(scratch(), 'lan'), ...options })).rejects.toThrow(name)
  })

  test('a directory that others may write to is refused with the command that closes it', async () => {
    const dir = scratch()
    chmodSync(dir, 0o777)
    await expect(createSwitch({ dir })).rejects.toThrow(`chmod go-w ${dir}`)
    chmodSync(dir, 0o755)
    await expect(createSwitch({ dir, private: true })).rejects.toThrow(`chmod 700 ${dir}`)
  })

  test('a file in the way is left alone', async () => {
    const dir = scratch()
    writeFileSync(join(dir, 'stream'), 'mine')
    await expect(createSwitch({ dir })).rejects.toThrow(/is in the way/)
    await expect(createSwitch({ dir: join(dir, 'stream') })).rejects.toThrow(/is no directory/)
  })
})
