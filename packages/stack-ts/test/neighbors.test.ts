/** ARP (RFC 826, RFC 1122 2.3.2), address conflicts (RFC 5227), and links that come and go. */
import {
  createFramePool,
  createHub,
  createPipe,
  createVirtualScheduler,
  ERROR,
  type IpAddress,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  type Stack,
} from '@ioth/core'
import { expect, test } from 'vitest'
import { createStack, type TsSettings } from '../src/index.ts'
import { buildArp, ipWord, ScriptedPeer } from '../src/testing.ts'
import { ARP_REPLY, ARP_REQUEST } from '../src/wire/arp.ts'
import { macFromBytes } from '../src/wire/ethernet.ts'
import { Conversation, describe, ip, MS, NOTHING_LEFT, OURS, PEER, Scenario, SECOND } from './scenario.ts'

const NOBODY = { high: 0, low: 0 }
const THIRD = macFromBytes([2, 0, 0, 0, 0, 3])

test('R-ARP-01 requests for our address are answered, others are not', async () => {
  const scenario = await Scenario.create()
  const { mac } = scenario.peer.station
  const request = { operation: ARP_REQUEST, senderMac: mac, senderIp: ipWord(PEER), targetMac: NOBODY } as const
  scenario.peer.arp.length = 0
  scenario.peer.send(buildArp({ ...request, targetIp: ipWord(OURS) }))
  scenario.peer.send(buildArp({ ...request, targetIp: ipWord('10.0.0.9') }))
  scenario.advance(MS)
  expect(scenario.peer.arp).toEqual([
    {
      operation: ARP_REPLY,
      senderMac: scenario.ours.mac,
      senderIp: ipWord(OURS),
      targetMac: mac,
      targetIp: ipWord(PEER),
    },
  ])
  // A probe (RFC 5227) is answered, and teaches nothing.
  scenario.peer.send(buildArp({ ...request, senderMac: THIRD, senderIp: 0, targetIp: ipWord(OURS) }))
  scenario.advance(MS)
  expect(scenario.peer.arp.length).toBe(2)
  expect([...scenario.stack.neighbors.list()].map(({ address }) => address.toString())).toEqual([PEER])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-01 H-29 packets with wrong types, lengths, operations or senders are dropped and counted', async () => {
  const scenario = await Scenario.create()
  scenario.peer.arp.length = 0
  const good = buildArp({
    operation: ARP_REQUEST,
    senderMac: scenario.peer.station.mac,
    senderIp: ipWord(PEER),
    targetMac: NOBODY,
    targetIp: ipWord(OURS),
  })
  for (const [at, value] of [
    [14, 0xff],
    [17, 1],
    [18, 7],
    [19, 5],
    [21, 3],
    [22, 1],
    [28, 224],
  ] as const) {
    const bad = good.slice()
    bad[at] = value
    scenario.peer.send(bad)
  }
  for (let length = 14; length < good.length; length++) scenario.peer.send(good.slice(0, length))
  scenario.advance(MS)
  expect(scenario.peer.arp).toEqual([])
  const counters = scenario.stack.counters()
  expect(counters['drop.arp.protocol']).toBe(2)
  expect(counters['drop.arp.length']).toBe(2)
  expect(counters['drop.arp.operation']).toBe(1)
  expect(counters['drop.arp.sender']).toBe(2)
  expect(counters['drop.arp.short']).toBe(28)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-02 an entry is made by requests to us and by replies we asked for, and by nothing else', async () => {
  const scenario = await Scenario.create()
  const names = (): string[] => [...scenario.stack.neighbors.list()].map(({ address }) => address.toString())
  const from = (address: string, operation: 1 | 2, targetIp: string): void => {
    scenario.peer.send(
      buildArp({
        operation,
        senderMac: THIRD,
        senderIp: ipWord(address),
        targetMac: NOBODY,
        targetIp: ipWord(targetIp),
      }),
    )
    scenario.advance(MS)
  }
  from('10.0.0.7', ARP_REPLY, OURS)
  from('10.0.0.8', ARP_REQUEST, '10.0.0.9')
  from('10.0.0.8', ARP_REQUEST, '10.0.0.8')
  expect(names()).toEqual([])
  from('10.0.0.7', ARP_REQUEST, OURS)
  expect(names()).toEqual(['10.0.0.7'])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

/** Somebody at another hardware address says that the peer's address is there. */
function announceMove(scenario: Scenario): void {
  const who = { senderMac: THIRD, senderIp: ipWord(PEER), targetMac: NOBODY, targetIp: ipWord(PEER) }
  scenario.peer.send(buildArp({ operation: ARP_REQUEST, ...who }))
  scenario.advance(MS)
}

test('R-ARP-02 P-21 a neighbour that moved: its old place is asked first, and nothing sent meanwhile is lost', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.peer.answersArp = false
  scenario.peer.arp.length = 0
  announceMove(scenario)
  peer.write(10)
  scenario.advance(50 * MS)
  expect(scenario.peer.take()).toEqual([])
  scenario.advance(150 * MS)
  expect(scenario.peer.arp.map(({ operation, targetIp }) => [operation, targetIp])).toEqual([
    [ARP_REQUEST, ipWord(PEER)],
    [ARP_REQUEST, ipWord(PEER)],
  ])
  const [frame] = scenario.peer.take()
  expect(frame?.tcp?.payload.length).toBe(10)
  expect(frame?.ethernet.destination).toEqual(THIRD)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-02 P-21 H-29 a neighbour that is still there keeps its address, whatever others say', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.peer.arp.length = 0
  for (let i = 0; i < 100; i++) announceMove(scenario)
  peer.write(10)
  scenario.advance(MS)
  expect(scenario.peer.take().map(({ ethernet }) => ethernet.destination)).toEqual([scenario.peer.station.mac])
  // Asked once: after its answer others are not heard for a second.
  expect(scenario.peer.arp.length).toBe(1)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-02 a neighbour that nobody heard of lately is believed to have moved at once', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.advance(60 * SECOND)
  scenario.peer.arp.length = 0
  announceMove(scenario)
  peer.write(10)
  scenario.advance()
  expect(scenario.peer.take().at(-1)?.ethernet.destination).toEqual(THIRD)
  expect(scenario.peer.arp).toEqual([])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-02 an old entry is used, and checked with its holder when nothing comes back for five seconds', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const state = (): string | undefined => [...scenario.stack.neighbors.list()][0]?.state
  expect(state()).toBe('REACHABLE')
  scenario.advance(61 * SECOND)
  expect(state()).toBe('STALE')
  scenario.peer.arp.length = 0
  peer.write(10)
  expect(describe(peer.hear())).toBe('PSH,ACK(10)')
  expect(state()).toBe('DELAY')
  // What TCP hears is enough (RFC 4861 7.3.1).
  peer.send()
  expect(state()).toBe('REACHABLE')
  scenario.advance(61 * SECOND)
  expect(scenario.peer.arp).toEqual([])
  peer.write(10)
  scenario.advance(5 * SECOND)
  expect(scenario.peer.arp.length).toBe(1)
  expect(state()).toBe('REACHABLE')
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-02 a holder that is gone is asked three times, then everybody is', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.advance(61 * SECOND)
  scenario.peer.answersArp = false
  scenario.peer.arp.length = 0
  peer.write(10)
  scenario.advance(6.4 * SECOND)
  expect(scenario.peer.arp.length).toBe(3)
  expect([...scenario.stack.neighbors.list()].map(({ state }) => state)).toEqual(['PROBE'])
  scenario.advance(10 * SECOND)
  expect([...scenario.stack.neighbors.list()].map(({ state }) => state)).not.toContain('PROBE')
  scenario.peer.answersArp = true
  peer.hear()
  scenario.advance(60 * SECOND)
  expect(describe(peer.hear())).toContain('PSH,ACK(10)')
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-03 nobody answers: EHOSTUNREACH after three seconds, and a next attempt asks again', async () => {
  const scenario = await Scenario.create()
  scenario.peer.answersArp = false
  for (let i = 0; i < 2; i++) {
    scenario.peer.arp.length = 0
    const socket = scenario.stack.openTcp(4)
    socket.interest = ERROR
    socket.connect(ip(PEER), 80)
    scenario.advance(2900 * MS)
    expect(socket.state).toBe('SYN-SENT')
    scenario.advance(1200 * MS)
    expect(socket.state).toBe('CLOSED')
    expect(socket.error?.message).toBe('connect EHOSTUNREACH 10.0.0.2:80')
    expect(scenario.peer.arp.length).toBe(6)
    socket.close()
  }
  expect(scenario.peer.take()).toEqual([])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ARP-03 what waits for the answer leaves with it', async () => {
  const scenario = await Scenario.create()
  scenario.peer.answersArp = false
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  scenario.advance(700 * MS)
  expect(scenario.segments()).toEqual([])
  scenario.peer.answersArp = true
  scenario.advance(500 * MS)
  expect(scenario.segments().map(({ names }) => names)).toContain('SYN')
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

/** A stack in a network of 16 million, and all the frames it sends. */
async function inLargeNetwork(): Promise<{
  scheduler: ReturnType<typeof createVirtualScheduler>
  stack: Stack
  peer: ScriptedPeer
  finish(): Promise<void>
}> {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near, far] = createPipe({ scheduler, pool })
  const peer = new ScriptedPeer(far, pool, { mac: THIRD, ip: '10.0.0.2' })
  const stack = await createStack({
    scheduler,
    pool,
    interfaces: [{ link: near, addresses: ['10.0.0.1/8'], mac: '02:00:00:00:00:01' }],
    settings: { probe: 'none' },
  })
  const finish = async (): Promise<void> => {
    const closed = stack.close()
    await scheduler.settle(SECOND)
    await closed
    expect(pool.used).toBe(0)
    expect(scheduler.timers).toBe(0)
  }
  return { scheduler, stack, peer, finish }
}

test('R-ARP-03 P-21 H-30 a scan of a network: a bounded cache, a bounded number of questions, and nothing is left', async () => {
  const { scheduler, stack, peer, finish } = await inLargeNetwork()
  const udp = stack.openUdp(4)
  peer.arp.length = 0
  for (let i = 0; i < 20_000; i++) {
    udp.send(new Uint8Array(10), 0, 10, ip(`10.1.${i >> 8}.${i & 255}`), 9)
    if (i % 10 === 0) scheduler.advance(MS)
  }
  expect([...stack.neighbors.list()].length).toBeLessThanOrEqual(1024)
  // In two seconds: a burst, and a hundred a second after it, each asked for at most six times.
  expect(peer.arp.length).toBeLessThanOrEqual((256 + 200) * 6)
  expect(new Set(peer.arp.map(({ targetIp }) => targetIp)).size).toBeLessThanOrEqual(256 + 201)
  scheduler.advance(60 * SECOND)
  udp.close()
  await finish()
})

test('H-30 neighbours that answer cost nothing: hundreds of them are found at once', async () => {
  const { scheduler, stack, peer, finish } = await inLargeNetwork()
  const udp = stack.openUdp(4)
  peer.answersForAll = true
  for (let i = 0; i < 400; i++) udp.send(new Uint8Array(10), 0, 10, ip(`10.1.${i >> 8}.${i & 255}`), 9)
  scheduler.advance(10 * MS)
  expect(peer.take().filter(({ udp: datagram }) => datagram !== undefined).length).toBe(400)
  udp.close()
  await finish()
})

test('P-21 H-30 a flood of strangers: who is in use and the gateway stay, at their addresses', async () => {
  const { scheduler, stack, peer, finish } = await inLargeNetwork()
  const [on] = stack.interfaces
  stack.routes.add({ destination: ip('0.0.0.0'), prefixLength: 0, via: ip('10.0.0.2'), interface: on! })
  peer.answersForAll = true
  const udp = stack.openUdp(4)
  for (const to of ['192.0.2.1', '10.0.0.3']) udp.send(new Uint8Array(10), 0, 10, ip(to), 9)
  scheduler.advance(MS)
  peer.answersForAll = false
  scheduler.advance(60 * SECOND)
  const senderMac = macFromBytes([2, 0, 0, 0, 0, 9])
  for (let i = 0; i < 20_000; i++) {
    const senderIp = ipWord('10.2.0.0') + i
    const request = {
      operation: ARP_REQUEST,
      senderMac,
      senderIp,
      targetMac: NOBODY,
      targetIp: ipWord('10.0.0.1'),
    } as const
    peer.send(buildArp(request))
    if (i % 100 === 0) scheduler.advance(MS)
  }
  scheduler.advance(MS)
  const known = new Map(Array.from(stack.neighbors.list(), ({ address, mac }) => [address.toString(), mac]))
  expect(known.size).toBeLessThanOrEqual(1024)
  expect(known.get('10.0.0.2')).toBe('02:00:00:00:00:03')
  expect(known.get('10.0.0.3')).toBe('02:00:00:00:00:03')
  expect(stack.counters().neighborsEvicted).toBeGreaterThan(18_000)
  udp.close()
  await finish()
})

test('no route: ENETUNREACH at once, for connect and ping', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  expect(() => socket.connect(ip('192.168.1.1'), 80)).toThrow('connect ENETUNREACH 192.168.1.1:80')
  await expect(scenario.stack.ping(ip('192.168.1.1'))).rejects.toThrow('ping ENETUNREACH 192.168.1.1')
  expect(scenario.stack.sourceFor(ip('192.168.1.1'))).toBeNull()
  expect(scenario.stack.sourceFor(ip(PEER))?.toString()).toBe(OURS)
  expect(scenario.stack.sourceFor(ip('127.0.0.5'))?.toString()).toBe('127.0.0.1')
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a gateway is used for what lies outside, and a route of one’s own before it', async () => {
  const scenario = await Scenario.create()
  const [on] = scenario.stack.interfaces
  const gateway = ip('10.0.0.2')
  const everywhere = { destination: ip('0.0.0.0'), prefixLength: 0, via: gateway, interface: on! }
  scenario.stack.routes.add(everywhere)
  expect(() => scenario.stack.routes.add(everywhere)).toThrow('EEXIST')
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip('192.168.1.1'), 80)
  scenario.advance(MS)
  const [frame] = scenario.peer.take()
  expect(frame?.ethernet.destination).toEqual(scenario.peer.station.mac)
  expect(frame?.ip?.destination).toBe(ipWord('192.168.1.1'))
  socket.close()
  scenario.stack.routes.remove(everywhere)
  expect(scenario.stack.sourceFor(ip('192.168.1.1'))).toBeNull()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

/** Stacks on one hub, made one after the other. */
async function onHub(
  settings: TsSettings,
): Promise<{ scheduler: ReturnType<typeof createVirtualScheduler>; create(address: string): Promise<Stack> }> {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const hub = createHub({ scheduler, pool })
  const create = (address: string): Promise<Stack> =>
    createStack({ scheduler, pool, interfaces: [{ link: hub.port(), addresses: [`${address}/24`] }], settings })
  return { scheduler, create }
}

test('R-ARP-04 an address that somebody has: EADDRINUSE with the hardware address of who has it', async () => {
  for (const probe of ['fast', 'rfc'] as const) {
    const { scheduler, create } = await onHub({ probe })
    const first = create('10.0.0.1')
    await scheduler.settle(15 * SECOND)
    const { mac } = (await first).interfaces[0]!
    const second = create('10.0.0.1')
    const outcome = second.then(
      () => null,
      (error: unknown) => error as NetError,
    )
    await scheduler.settle(15 * SECOND)
    const error = await outcome
    expect(error?.code).toBe('EADDRINUSE')
    expect(error?.message).toContain(mac)
    await (await first).close()
  }
})

test('R-ARP-04 a quick probe takes 60 ms, and two at the same time cannot both have the address', async () => {
  const { scheduler, create } = await onHub({})
  const outcomes = [create('10.0.0.1'), create('10.0.0.1')].map((created) =>
    created.then(
      () => 'created',
      (error: NetError) => error.code,
    ),
  )
  await scheduler.settle(60 * MS)
  expect(await Promise.all(outcomes)).not.toEqual(['created', 'created'])
  const alone = create('10.0.0.2')
  let isReady = false
  void alone.then(() => {
    isReady = true
  })
  await scheduler.settle(59 * MS)
  expect(isReady).toBe(false)
  await scheduler.settle(2 * MS)
  expect(isReady).toBe(true)
})

test('R-ARP-04 the timing of RFC 5227: three probes, one to two seconds apart, two announcements', async () => {
  const spreads: number[] = []
  for (let seed = 1; seed <= 8; seed++) {
    const scheduler = createVirtualScheduler({ seed })
    const pool = createFramePool()
    const [near, far] = createPipe({ scheduler, pool })
    const heard: { readonly at: number; readonly isProbe: boolean }[] = []
    const peer = new ScriptedPeer(far, pool, { mac: THIRD, ip: PEER })
    const made = createStack({
      scheduler,
      pool,
      interfaces: [{ link: near, addresses: [`${OURS}/24`] }],
      settings: { probe: 'rfc' },
    })
    let readyAt = 0
    void made.then(() => {
      readyAt = scheduler.clock.now
    })
    for (let i = 0; i < 1500; i++) {
      await scheduler.settle(10 * MS)
      for (const { senderIp } of peer.arp.splice(0)) heard.push({ at: scheduler.clock.now, isProbe: senderIp === 0 })
    }
    const probes = heard.filter(({ isProbe }) => isProbe).map(({ at }) => at)
    const announcements = heard.filter(({ isProbe }) => !isProbe).map(({ at }) => at)
    expect(probes.length).toBe(3)
    expect(probes[0]).toBeLessThanOrEqual(SECOND + 10 * MS)
    for (const gap of [probes[1]! - probes[0]!, probes[2]! - probes[1]!]) {
      expect(gap).toBeGreaterThanOrEqual(SECOND - 10 * MS)
      expect(gap).toBeLessThanOrEqual(2 * SECOND + 10 * MS)
      spreads.push(gap)
    }
    expect(Math.abs(announcements[0]! - probes[2]! - 2 * SECOND)).toBeLessThanOrEqual(10 * MS)
    expect(Math.abs(announcements[1]! - announcements[0]! - 2 * SECOND)).toBeLessThanOrEqual(10 * MS)
    expect(announcements.length).toBe(2)
    expect(Math.abs(readyAt - announcements[0]!)).toBeLessThanOrEqual(10 * MS)
    await (await made).close()
  }
  expect(Math.max(...spreads) - Math.min(...spreads)).toBeGreaterThan(SECOND / 4)
})

test('R-ARP-04 an address is defended once, and given up when somebody insists', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.peer.arp.length = 0
  const claim = buildArp({
    operation: ARP_REQUEST,
    senderMac: THIRD,
    senderIp: ipWord(OURS),
    targetMac: NOBODY,
    targetIp: ipWord(OURS),
  })
  scenario.peer.send(claim)
  scenario.advance(MS)
  expect(scenario.peer.arp.map(({ senderIp, targetIp }) => [senderIp, targetIp])).toEqual([
    [ipWord(OURS), ipWord(OURS)],
  ])
  expect(peer.socket.state).toBe('ESTABLISHED')
  scenario.advance(SECOND)
  scenario.peer.send(claim)
  scenario.advance(MS)
  expect(peer.socket.error?.code).toBe('EADDRNOTAVAIL')
  expect(scenario.stack.interfaces[0]?.addresses).toEqual([])
  expect(scenario.stack.counters().addressConflicts).toBe(2)
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('addresses come and go: EEXIST, EINVAL, EADDRNOTAVAIL, and connections end', async () => {
  const scenario = await Scenario.create()
  const [on] = scenario.stack.interfaces
  const second = ip('10.0.0.77')
  const added = on!.addAddress(second, 24)
  await scenario.scheduler.settle(100 * MS)
  await added
  await expect(on!.addAddress(second, 24)).rejects.toThrow('EEXIST')
  await expect(on!.addAddress(ip('224.0.0.1'), 24)).rejects.toThrow('cannot be an address')
  const listener = scenario.stack.openTcp(4)
  listener.bind(second, 80)
  on!.removeAddress(second)
  expect(() => on!.removeAddress(second)).toThrow('EADDRNOTAVAIL')
  const socket = scenario.stack.openTcp(4)
  expect(() => socket.bind(second, 81)).toThrow('bind EADDRNOTAVAIL 10.0.0.77:81')
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

/** A link whose state a test changes, and that may keep a register of addresses. */
class MovableLink implements Link {
  readonly type = 'ethernet'
  readonly mtu = 1500
  readonly name = 'movable'
  state: LinkState = 'up'
  readonly claims: string[] = []
  readonly inner: Link
  private sink: LinkSink | null = null
  private readonly register: (address: IpAddress) => Promise<boolean>

  constructor(inner: Link, register: (address: IpAddress) => Promise<boolean> = () => Promise.resolve(false)) {
    this.inner = inner
    this.register = register
  }

  get offload(): Link['offload'] {
    return this.inner.offload
  }

  attach(sink: LinkSink): void {
    this.sink = sink
    this.inner.attach(sink)
  }

  send(batch: Parameters<Link['send']>[0]): number {
    if (this.state === 'up') return this.inner.send(batch)
    for (let i = 0; i < batch.count; i++) {
      batch.pool.release(batch.head[i]!)
      if (batch.bodyLength[i] !== 0) batch.pool.release(batch.body[i]!)
    }
    return batch.count
  }

  flush(): boolean {
    return this.inner.flush()
  }

  claim(address: IpAddress): Promise<boolean> {
    this.claims.push(address.toString())
    return this.register(address)
  }

  unclaim(address: IpAddress): void {
    this.claims.push(`-${address}`)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  become(state: LinkState): void {
    this.state = state
    this.sink?.changed(state)
  }
}

test('a register grants an address at once, takes it back, and refuses with its own words', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near] = createPipe({ scheduler, pool })
  const refusal = new NetError('EADDRINUSE', 'claim', { message: 'address 10.0.0.9 is in use by 02:00:00:00:00:99' })
  const link = new MovableLink(near, (address) =>
    address.toString() === '10.0.0.9' ? Promise.reject(refusal) : Promise.resolve(true),
  )
  // No time passes: nothing is probed.
  const stack = await createStack({ scheduler, pool, interfaces: [{ link, addresses: ['10.0.0.1/24'] }] })
  await expect(stack.interfaces[0]!.addAddress(ip('10.0.0.9'), 24)).rejects.toBe(refusal)
  await stack.close()
  expect(link.claims).toEqual(['10.0.0.1', '10.0.0.9', '-10.0.0.1'])
})

test('a link that opens late: the addresses wait for it', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near] = createPipe({ scheduler, pool })
  const link = new MovableLink(near)
  link.state = 'opening'
  const created = createStack({ scheduler, pool, interfaces: [{ link, addresses: ['10.0.0.1/24'] }] })
  await scheduler.settle(10 * SECOND)
  expect(link.claims).toEqual([])
  link.become('up')
  await scheduler.settle(100 * MS)
  const stack = await created
  expect(stack.interfaces[0]?.addresses.length).toBe(1)
  await stack.close()
})

test('a link that never opens: a lease is waited for as long as was asked, and who waits for an address learns that the stack closes', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const stack = await createStack({ scheduler, pool, interfaces: [] })
  const [near] = createPipe({ scheduler, pool })
  const link = new MovableLink(near)
  link.state = 'opening'
  const adding = stack.addInterface({ link, addresses: ['10.0.0.1/24'] })
  const down = expect(adding).rejects.toMatchObject({ code: 'ENETDOWN' })
  const late = expect(stack.interfaces[0]!.dhcp!(500)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  await scheduler.settle(500 * MS)
  await late
  await stack.close()
  await down
  expect(scheduler.holds).toBe(0)
})

test('a lost link: connections survive, and go on at once when it is back', async () => {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [near, far] = createPipe({ scheduler, pool })
  const link = new MovableLink(near)
  const settings = { probe: 'none' } as const
  const ours = await createStack({ scheduler, pool, interfaces: [{ link, addresses: ['10.0.0.1/24'] }], settings })
  const theirs = await createStack({
    scheduler,
    pool,
    interfaces: [{ link: far, addresses: ['10.0.0.2/24'] }],
    settings,
  })
  const server = theirs.openTcp(4)
  server.bind(ip('0.0.0.0'), 80)
  const listener = server.listen(1)
  const socket = ours.openTcp(4)
  socket.connect(ip('10.0.0.2'), 80)
  scheduler.advance(MS)
  const other = listener.accept()!
  link.become('lost')
  socket.write(new Uint8Array(1000), 0, 1000)
  scheduler.advance(20 * SECOND)
  expect(other.read(new Uint8Array(2000), 0, 2000)).toBe(-1)
  link.become('up')
  scheduler.advance(5 * MS)
  expect(other.read(new Uint8Array(2000), 0, 2000)).toBe(1000)
  expect(socket.state).toBe('ESTABLISHED')
  link.become('closed')
  expect(socket.error?.code).toBe('ENETDOWN')
  const closed = Promise.all([ours.close(), theirs.close()])
  await scheduler.settle(20 * SECOND)
  await closed
  expect(pool.used).toBe(0)
})
