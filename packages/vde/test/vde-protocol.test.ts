/**
 * The VDE protocol against Debian's programs: our plug on a real vde_switch, real vde_plugs on our switch.
 *
 * @module
 */
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { FULL_OFFLOAD } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { createSwitch, openVnl, type Switch, type SwitchOptions } from '../src/index.ts'
import {
  afterTest,
  BROADCAST,
  frame,
  mac,
  SUPER,
  scratch,
  send,
  superSegment,
  Taker,
  textOf,
  until,
} from './harness.ts'
import { noVdeTools, startVdeSwitch, VdePlugTool } from './vde-tools.ts'

const skipped = noVdeTools === null ? '' : ` (skipped: ${noVdeTools})`

async function switchIn(dir: string, options: Partial<SwitchOptions> = {}): Promise<Switch> {
  const running = await createSwitch({ dir, ...options })
  afterTest(() => running.close())
  return running
}

const names = (running: Switch): string[] => running.ports().map(({ name }) => name)

describe.skipIf(skipped !== '')(`on a real vde_switch${skipped}`, () => {
  test('frames go both ways, up to what it carries', async () => {
    const dir = join(scratch(), 'lan')
    await startVdeSwitch(dir)
    const a = new Taker(await openVnl(dir, { mtu: 9000 }))
    const b = new Taker(await openVnl(`vde://${dir}`, { mtu: 9000 }))
    expect(send(a.link, [frame(BROADCAST, mac(1), 'hello')])).toBe(1)
    expect((await b.take(1)).map(textOf)).toEqual(['hello'])
    const big = frame(mac(1), mac(2), 'big', 9014).fill(7, 20)
    expect(send(b.link, [big.slice(0, 1518), big])).toBe(2)
    // Debian's switch cuts what is longer than 1518 octets (struct packet in vde_switch/port.h).
    expect(await a.take(2)).toEqual([big.slice(0, 1518), big.slice(0, 1518)])
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('sixty plugs of ours: each hears each of the others, once, in order', async () => {
    const dir = join(scratch(), 'lan')
    await startVdeSwitch(dir)
    const plugs: Taker[] = []
    for (let index = 0; index < 60; index++) plugs.push(new Taker(await openVnl(`vde://${dir}`)))
    // One at a time: a real switch drops what a plug has no room for.
    for (const [from, { link }] of plugs.entries()) {
      send(link, [frame(BROADCAST, mac(from + 1), `from ${from}`)])
      for (const [to, plug] of plugs.entries()) {
        if (to !== from) expect((await plug.take(1)).map(textOf)).toEqual([`from ${from}`])
      }
    }
    // By now it has learnt where everybody is: what is for one reaches that one alone.
    for (const [from, { link }] of plugs.entries()) {
      const next = plugs[(from + 1) % 60] as Taker
      send(link, [frame(mac(((from + 1) % 60) + 1), mac(from + 1), `to ${from + 1}`)])
      expect((await next.take(1)).map(textOf)).toEqual([`to ${from + 1}`])
    }
    expect(plugs.map(({ received }) => received.length)).toEqual(Array(60).fill(0))
  })

  test('a port can be chosen', async () => {
    const dir = join(scratch(), 'lan')
    await startVdeSwitch(dir)
    const link = await openVnl(`vde://${dir}[7]`)
    afterTest(() => link.close())
    expect(readdirSync(dir).some((name) => name.startsWith('007.'))).toBe(true)
  })

  test('a plug finds a switch again that was restarted', async () => {
    const dir = join(scratch(), 'lan')
    const first = await startVdeSwitch(dir)
    const a = new Taker(await openVnl(dir))
    await first.stop()
    await until(() => a.states.includes('lost'))
    expect(send(a.link, [frame(BROADCAST, mac(1), 'into the void')])).toBe(1)
    await startVdeSwitch(dir)
    await until(() => a.states.at(-1) === 'up')
    const b = new Taker(await openVnl(dir))
    send(a.link, [frame(BROADCAST, mac(1), 'again')])
    expect((await b.take(1)).map(textOf)).toEqual(['again'])
  })
})

describe.skipIf(skipped !== '')(`real VDE programs on our switch${skipped}`, () => {
  test('vde_plug beside a plug of ours: frames both ways, also of 9 KB, and super-segments cut for it', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const ours = new Taker(await openVnl(dir, { mtu: 9000 }), FULL_OFFLOAD)
    const theirs = new VdePlugTool(dir)
    await until(() => running.ports().length === 2)
    theirs.send(frame(BROADCAST, mac(2), 'from outside'))
    expect((await ours.take(1)).map(textOf)).toEqual(['from outside'])
    const big = frame(mac(2), mac(1), 'big', 9014).fill(9, 20)
    send(ours.link, [big])
    expect(new Uint8Array((await theirs.take(1))[0] as Buffer)).toEqual(big)
    theirs.send(frame(mac(1), mac(2), 'big', 9014))
    expect((await ours.take(1))[0]?.length).toBe(9014)
    send(ours.link, [superSegment(mac(2), mac(1), 14_480)], SUPER, 1448, 34)
    expect((await theirs.take(10)).map(({ length }) => length)).toEqual(Array(10).fill(1502))
    expect(running.ports()[1]).toMatchObject({ port: 2, name: 'vdeplug:', pid: theirs.child.pid, macs: 1 })
  })

  test('two vde_plugs, one of which disappears', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const a = new VdePlugTool(dir)
    const b = new VdePlugTool(`vde://${dir}[9]`)
    await until(() => running.ports().length === 2)
    expect(running.ports().some(({ port }) => port === 9)).toBe(true)
    a.send(frame(BROADCAST, mac(1), 'one'))
    expect((await b.take(1)).map(textOf)).toEqual(['one'])
    await b.stop('SIGKILL')
    await until(() => running.ports().length === 1)
    a.send(frame(BROADCAST, mac(1), 'nobody hears'))
    // Its program takes what time it likes to read that, and would else be heard by the next one to join.
    await until(() => running.counters()['in.frames'] === 2)
    const c = new VdePlugTool(`vde://${dir}[9]`)
    await until(() => running.ports().length === 2)
    a.send(frame(BROADCAST, mac(1), 'two'))
    expect((await c.take(1)).map(textOf)).toEqual(['two'])
    // The plug of a port that is taken gets none.
    await new VdePlugTool(`vde://${dir}[9]`).ended
    expect(running.counters()['refused.vde-port']).toBe(1)
    await running.close()
    await a.ended
    expect(readdirSync(dir)).toEqual([])
  })

  test.skipIf(process.getuid?.() !== 0 && !process.env.CI)(
    'of another user, when their group is let in (needs root)',
    async () => {
      const parent = scratch()
      chmodSync(parent, 0o755)
      const dir = join(parent, 'lan')
      const closed = await switchIn(join(parent, 'closed'))
      const running = await switchIn(dir, { group: 'nogroup' })
      const ours = new Taker(await openVnl(dir))
      const nobody = { uid: 65_534, gid: 65_534 }
      await new VdePlugTool(closed.dir, nobody).ended
      expect(closed.counters()).toMatchObject({ 'in.frames': 0 })
      const theirs = new VdePlugTool(dir, nobody)
      await until(() => running.ports().length === 2 || theirs.child.exitCode !== null)
      theirs.send(frame(BROADCAST, mac(2), 'from nobody'))
      expect((await ours.take(1)).map(textOf)).toEqual(['from nobody'])
      send(ours.link, [frame(mac(2), mac(1), 'to nobody')])
      expect((await theirs.take(1)).map(textOf)).toEqual(['to nobody'])
      await expect(createSwitch({ dir: join(parent, 'x'), group: 'no-such-group' })).rejects.toThrow(
        /no group "no-such-group"/,
      )
    },
  )

  test('sixty of them', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const plugs = Array.from({ length: 60 }, () => new VdePlugTool(dir))
    await until(() => running.ports().length === 60)
    plugs[0]?.send(frame(BROADCAST, mac(1), 'to all'))
    for (const plug of plugs.slice(1)) expect((await plug.take(1)).map(textOf)).toEqual(['to all'])
    for (const plug of plugs) plug.child.kill('SIGKILL')
    await until(() => running.ports().length === 0)
  })

  test('a reader that stands still loses what its queue does not hold, and nobody else does', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir, { queueOctets: 1_000_000 })
    const a = new Taker(await openVnl(dir))
    const slow = new VdePlugTool(dir)
    await until(() => running.ports().length === 2)
    const quick = new VdePlugTool(dir)
    await until(() => running.ports().length === 3)
    slow.child.kill('SIGSTOP')
    const drops = (): number => running.ports()[1]?.counters['drop.out.queue-full'] ?? 0
    let sent = 0
    let seen = 0
    while (drops() === 0) {
      sent += send(a.link, [frame(BROADCAST, mac(1), String(sent), 1514)])
      seen += (await quick.take(1)).length
    }
    expect(seen).toBe(sent)
    expect(running.ports()[1]?.queued).toBeLessThanOrEqual(1_000_000)
    const lost = drops()
    slow.child.kill('SIGCONT')
    expect((await slow.take(sent - lost)).map(textOf)).toEqual(Array.from({ length: sent - lost }, (_, i) => String(i)))
  })
})

describe('the control socket', () => {
  test('garbage and half a request are refused, and the others stay', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const { connect } = await import('node:net')
    const say = (octets: Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(join(dir, 'ctl'), () => socket.write(octets))
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
    await say(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    const request = Buffer.alloc(122)
    request.writeUInt32LE(0xfeedface, 0)
    request.writeUInt32LE(4, 4)
    await say(request)
    request.writeUInt32LE(3, 4)
    request.writeUInt32LE(7, 8)
    await say(request)
    request.writeUInt32LE(0, 8)
    await say(request)
    // A path where nobody is.
    request.writeUInt16LE(1, 12)
    request.write('/nowhere/at/all', 14)
    await say(request)
    await say(Buffer.concat([request, Buffer.alloc(200)]))
    expect(running.counters()).toMatchObject({
      'refused.vde-magic': 1,
      'refused.vde-version': 1,
      'refused.vde-type': 1,
      'refused.vde-address': 1,
      'refused.vde-socket': 1,
      'refused.vde-length': 1,
    })
    const a = new Taker(await openVnl(`vde://${dir}[ctl]`))
    const b = new Taker(await openVnl(dir))
    send(b.link, [frame(BROADCAST, mac(1), 'still here')])
    expect((await a.take(1)).map(textOf)).toEqual(['still here'])
  })

  test('crumbs, and frames longer than any, are dropped and counted; the next frame is read', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const ffi = await import('@ioth/ffi')
    const { fd, control } = await ffi.connectVde({ path: dir, description: 'raw' })
    afterTest(() => {
      control.destroy()
      ffi.closeDescriptor(fd)
    })
    const a = new Taker(await openVnl(dir, { mtu: 9000 }))
    await until(() => running.ports().length === 2)
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(13), Buffer.alloc(9_235, 1), Buffer.alloc(60_000, 1)])
      ffi.send(fd, bytes)
    ffi.send(fd, frame(BROADCAST, mac(1), 'whole'))
    expect((await a.take(1)).map(textOf)).toEqual(['whole'])
    expect(running.counters()['drop.in.malformed']).toBe(4)
  })

  test('a request in pieces is taken, half of one is not', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const { connect } = await import('node:net')
    const { serializeVdeRequest } = await import('../../ffi/src/vde-protocol/request.ts')
    const request = serializeVdeRequest({ port: 0, address: '/nowhere/at/all', description: 'x' })
    const socket = connect(join(dir, 'ctl'))
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.on('close', resolve))
    for (const octet of request.subarray(0, 122)) {
      await new Promise((resolve) => socket.write(Buffer.of(octet), resolve))
    }
    await closed
    const half = connect(join(dir, 'ctl'))
    half.on('error', () => {})
    await new Promise((resolve) => half.write(request.subarray(0, 60), resolve))
    half.destroy()
    await until(() => running.counters()['refused.vde-gone'] === 1)
    expect(running.counters()['refused.vde-socket']).toBe(1)
  })

  test('what a killed switch left behind is removed, a living one is respected', async () => {
    const dir = join(scratch(), 'lan')
    const first = await switchIn(dir)
    await first.close()
    writeFileSync(join(dir, '001.7'), 'not a socket')
    const other = createServer()
    await new Promise<void>((done) => other.listen(join(dir, 'ctl'), done))
    await expect(createSwitch({ dir })).rejects.toMatchObject({
      code: 'ERR_IOTH_NETWORK',
      message: expect.stringMatching(/another program runs there.*ioth switch DIR/),
    })
    expect(existsSync(join(dir, 'stream'))).toBe(false)
    await new Promise((done) => other.close(done))
    await (await switchIn(dir)).close()
    expect(readdirSync(dir)).toEqual(['001.7'])
  })

  test('a plug says who it is', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const link = await openVnl(`vde://${dir}[ctl]`, { name: 'me' })
    afterTest(() => link.close())
    expect(names(running)).toEqual(['me'])
    await expect(openVnl(`vde://${dir}[ctl/port=1]`)).rejects.toMatchObject({
      code: 'ERR_IOTH_NETWORK',
      message: expect.stringMatching(/refused the plug.*ioth switch/),
    })
    expect(running.ports()[0]).toMatchObject({ pid: process.pid })
  })
})
