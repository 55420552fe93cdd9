/**
 * VLANs, limits and the console of the switch.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { FULL_OFFLOAD, formatMac } from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askConsole, createSwitch, openVnl, type Switch, type SwitchOptions } from '../src/index.ts'
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
import { Tool } from './vde-tools.ts'

const UNIXTERM = 'unixterm'

async function switchIn(dir: string, options: Partial<SwitchOptions> = {}): Promise<Switch> {
  const running = await createSwitch({ dir, ...options })
  afterTest(() => running.close())
  return running
}

/** A plug in a port of its own choice. */
async function plugIn(dir: string, port: number, offload?: typeof FULL_OFFLOAD): Promise<Taker> {
  return new Taker(await openVnl(`vde://${dir}[${port}]`, { mtu: 1500 }), offload)
}

/** A frame with a tag. */
function tagged(bytes: Uint8Array, vlan: number): Uint8Array {
  return Buffer.concat([bytes.subarray(0, 12), Buffer.from([0x81, 0, vlan >> 8, vlan & 255]), bytes.subarray(12)])
}

function vlanOf(bytes: Uint8Array): number {
  return bytes[12] === 0x81 ? ((bytes[14] as number) << 8) | (bytes[15] as number) : 0
}

describe('VLANs', () => {
  test('access ports, a trunk, and frames between them', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    for (const line of [
      'vlan/create 10',
      'vlan/create 20',
      'port/setvlan 1 10',
      'port/setvlan 2 10',
      'port/setvlan 3 20',
    ]) {
      running.command(line)
    }
    running.command('vlan/addport 10 4')
    running.command('vlan/addport 20 4')
    const [a, b, c, trunk, other] = await Promise.all([1, 2, 3, 4, 5].map((port) => plugIn(dir, port)))
    if (!a || !b || !c || !trunk || !other) throw new Error('plugs')
    send(a.link, [frame(BROADCAST, mac(1), 'ten')])
    expect((await b.take(1)).map(textOf)).toEqual(['ten'])
    const [seen] = await trunk.take(1)
    expect(vlanOf(seen as Uint8Array)).toBe(10)
    expect(seen).toEqual(new Uint8Array(tagged(frame(BROADCAST, mac(1), 'ten'), 10)))
    // To one station in one VLAN; the same MAC address lives in another.
    send(c.link, [frame(BROADCAST, mac(1), 'twenty')])
    await trunk.take(1)
    send(trunk.link, [tagged(frame(mac(1), mac(9), 'to ten'), 10), tagged(frame(mac(1), mac(9), 'to twenty'), 20)])
    expect((await a.take(1)).map(textOf)).toEqual(['to ten'])
    expect((await c.take(1)).map(textOf)).toEqual(['to twenty'])
    // What has no business there is dropped and counted.
    send(a.link, [tagged(frame(BROADCAST, mac(1), 'forged'), 20), tagged(frame(BROADCAST, mac(1), 'forged'), 10)])
    send(trunk.link, [tagged(frame(BROADCAST, mac(9), 'no such'), 30), tagged(frame(BROADCAST, mac(9), 'prio'), 0)])
    send(other.link, [frame(BROADCAST, mac(5), 'default VLAN')])
    send(trunk.link, [frame(BROADCAST, mac(9), 'untagged')])
    expect((await other.take(1)).map(textOf)).toEqual(['untagged'])
    expect((await trunk.take(1)).map(textOf)).toEqual(['default VLAN'])
    expect(running.counters()['drop.in.vlan']).toBe(4)
    for (const each of [a, b, c, trunk, other]) expect(each.received).toEqual([])
  })

  test('a super-segment leaves a trunk in segments with tags', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    for (const line of ['vlan/create 10', 'port/setvlan 1 10', 'vlan/addport 10 2']) running.command(line)
    const a = await plugIn(dir, 1, FULL_OFFLOAD)
    const trunk = await plugIn(dir, 2, FULL_OFFLOAD)
    send(a.link, [superSegment(BROADCAST, mac(1), 2 * 1448)], SUPER, 1448, 34)
    const segments = await trunk.take(2)
    expect(segments.map((bytes) => [vlanOf(bytes), bytes.length])).toEqual([
      [10, 1506],
      [10, 1506],
    ])
    expect(trunk.received).toEqual([])
  })

  test('an address belongs to one port of each VLAN', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    for (const line of ['vlan/create 10', 'port/setvlan 1 10']) running.command(line)
    const { parseIpAddress } = await import('@ioth/core')
    const [a, b, c] = await Promise.all([1, 2, 3].map((port) => plugIn(dir, port)))
    const address = parseIpAddress('10.0.0.1')
    expect(await a?.link.claim?.(address, mac(1))).toBe(true)
    expect(await b?.link.claim?.(address, mac(2))).toBe(true)
    await expect(c?.link.claim?.(address, mac(3))).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('no frame crosses VLANs', async () => {
    const ports = [1, 2, 3, 4]
    const vlans = [1, 10, 20]
    const setting = fc.record({ untagged: fc.constantFrom(...vlans), trunk: fc.subarray(vlans) })
    const sent = fc.record({
      port: fc.integer({ min: 0, max: 3 }),
      tag: fc.constantFrom(0, ...vlans, 30),
      to: fc.constantFrom(BROADCAST, mac(1), mac(2), mac(3), mac(4)),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(setting, { minLength: 4, maxLength: 4 }),
        fc.array(sent, { minLength: 1, maxLength: 30 }),
        async (settings, frames) => {
          const dir = join(scratch(), 'lan')
          const running = await createSwitch({ dir })
          for (const vlan of vlans.slice(1)) running.command(`vlan/create ${vlan}`)
          settings.forEach(({ untagged, trunk }, index) => {
            running.command(`port/setvlan ${index + 1} ${untagged}`)
            for (const vlan of trunk) running.command(`vlan/addport ${vlan} ${index + 1}`)
          })
          const plugs = await Promise.all(ports.map((port) => plugIn(dir, port)))
          frames.forEach(({ port, tag, to }, index) => {
            const plain = frame(to, mac(port + 1), `frame ${index}`)
            send((plugs[port] as Taker).link, [tag === 0 ? plain : tagged(plain, tag)])
          })
          // The last word of each port comes after all that it was sent.
          await running.close()
          await until(() => plugs.every((plug) => plug.states.includes('lost')))
          plugs.forEach((plug, receiver) => {
            const own = settings[receiver] as (typeof settings)[number]
            for (const { bytes } of plug.received) {
              const vlan = vlanOf(bytes) || own.untagged
              expect(vlanOf(bytes) === 0 || own.trunk.includes(vlan)).toBe(true)
              const text = textOf(vlanOf(bytes) === 0 ? bytes : bytes.subarray(4))
              const { port, tag } = frames[Number(text.slice(6))] as (typeof frames)[number]
              expect(port).not.toBe(receiver)
              expect(tag || settings[port]?.untagged).toBe(vlan)
            }
          })
          for (const { link } of plugs) await link.close()
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('limits', () => {
  test('a broadcast storm is cut off at its port, and others are heard', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir, { stormFrames: 100 })
    const [storm, quiet, listener] = await Promise.all([plugIn(dir, 1), plugIn(dir, 2), plugIn(dir, 3)])
    if (!storm || !quiet || !listener) throw new Error('plugs')
    const storming = Array.from({ length: 5_000 }, (_, i) => frame(BROADCAST, mac(1), `storm ${i}`))
    for (let at = 0; at < storming.length; at += 500) send(storm.link, storming.slice(at, at + 500))
    await until(() => (running.ports()[0]?.counters['in.frames'] ?? 0) === 5_000)
    send(quiet.link, [frame(BROADCAST, mac(2), 'quiet')])
    await until(() => listener.received.some(({ bytes }) => textOf(bytes) === 'quiet'))
    const dropped = running.counters()['drop.in.storm'] ?? 0
    expect(listener.received.length).toBe(5_001 - dropped)
    expect(dropped).toBeGreaterThan(4_000)
  })

  test('a hundred thousand MAC addresses push nobody out', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const [flood, b, c] = await Promise.all([plugIn(dir, 1), plugIn(dir, 2), plugIn(dir, 3)])
    if (!flood || !b || !c) throw new Error('plugs')
    send(b.link, [frame(BROADCAST, mac(2), 'b')])
    await c.take(1)
    const octets = Buffer.alloc(6)
    octets[0] = 6
    for (let sent = 0; sent < 100_000; sent += 500) {
      const batch = Array.from({ length: 500 }, (_, index) => {
        octets.writeUInt32BE(sent + index, 2)
        // To a station behind the same port: nobody else need hear it.
        return frame('06:00:00:00:00:00', formatMac(octets, 0), '')
      })
      let taken = 0
      while (taken < batch.length) {
        taken += send(flood.link, batch.slice(taken))
        if (taken < batch.length) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await until(() => (running.ports()[0]?.counters['in.frames'] ?? 0) === 100_000)
    expect(running.ports().map(({ macs }) => macs)).toEqual([1_024, 1, 0])
    send(c.link, [frame(mac(2), mac(3), 'still to one')])
    await until(() => b.received.some(({ bytes }) => textOf(bytes) === 'still to one'))
    expect(flood.received.map(({ bytes }) => textOf(bytes))).not.toContain('still to one')
  })

  test('a switch can be made to remember them all', async () => {
    const { MacTable } = await import('../src/switch/mac-table.ts')
    const table = new MacTable(200_000, 7, 200_000)
    for (let low = 0; low < 100_000; low++) table.learn(0x600, low, low % 7, 1)
    for (let low = 0; low < 100_000; low += 997) expect(table.find(0x600, low)).toBe(low % 7)
    expect(table.size).toBe(100_000)
    table.expire(2)
    expect(table.size).toBe(0)
  })
})

describe('the console', () => {
  test('answers as that of vde_switch, in text and in JSON', async () => {
    const dir = join(scratch(), 'lan')
    await switchIn(dir)
    const a = await plugIn(dir, 7)
    const b = await plugIn(dir, 8)
    send(a.link, [frame(BROADCAST, mac(1), 'x')])
    await b.take(1)
    const ask = (line: string): ReturnType<typeof askConsole> => askConsole(join(dir, 'mgmt'), line)
    expect((await ask('port/print 7')).lines[0]).toBe('Port 0007 untagged_vlan=0000 ACTIVE')
    expect((await ask('hash/find 02:00:00:00:00:01')).lines).toEqual([
      'Addr: 02:00:00:00:00:01 VLAN 0000 to port: 007  age 0 secs',
    ])
    const json = JSON.parse((await ask('json port/print')).lines[0] as string)
    expect(json).toMatchObject([
      { port: 7, counters: { 'in.frames': 1 } },
      { port: 8, counters: { 'out.frames': 1 } },
    ])
    expect(await ask('vlan/create 5')).toMatchObject({ code: 1000, message: 'Success', lines: [] })
    expect(await ask('vlan/create 5')).toMatchObject({ code: 1017 })
    expect(await ask('port/setvlan 7 5')).toMatchObject({ code: 1000 })
    expect((await ask('vlan/print 5')).lines).toEqual(['VLAN 0005', ' -- Port 0007 tagged=0 vlan=0005'])
    expect(await ask('port/setvlan 7 6')).toMatchObject({ code: 1006, message: /vlan\/create 6/ })
    expect(await ask('port/setvlan 7')).toMatchObject({ code: 1022 })
    expect(await ask('make/coffee')).toMatchObject({ code: 1038 })
    expect((await ask('help port')).lines.some((line) => line.startsWith('port/setvlan'))).toBe(true)
    await ask('port/epclose 8')
    await until(() => b.states.includes('lost'))
    await until(() => b.states.at(-1) === 'up')
    expect(await ask('shutdown')).toMatchObject({ code: 1000 })
    await until(() => !existsSync(join(dir, 'mgmt')))
    await expect(ask('help')).rejects.toThrow(/no such socket.*ioth switch/)
  })

  test.skipIf(spawnSync(UNIXTERM).error !== undefined && !process.env.CI)(
    "Debian's unixterm and vdeterm speak to it",
    async () => {
      const dir = join(scratch(), 'lan')
      await switchIn(dir)
      const socket = join(dir, 'mgmt')
      await askConsole(socket, 'vlan/create 7')
      // vdeterm wants a terminal; `script` gives it one.
      for (const [program, ...args] of [
        [UNIXTERM, socket],
        ['script', '-qfc', `vdeterm ${socket}`, '/dev/null'],
      ]) {
        const term = new Tool(program as string, args)
        let said = ''
        term.child.stdout?.on('data', (text) => {
          said += String(text)
        })
        await until(() => said.includes('VDE switch'))
        term.child.stdin?.write('vlan/print\n')
        await until(() => said.includes('VLAN 0007') && said.includes('Success'))
        term.child.stdin?.end()
        await term.stop()
      }
    },
  )

  test('garbage, and a line without an end', async () => {
    const dir = join(scratch(), 'lan')
    const running = await switchIn(dir)
    const socket = connect(join(dir, 'mgmt'))
    socket.on('error', () => {})
    socket.write(Buffer.alloc(100_000, 0xff))
    await new Promise((resolve) => socket.on('close', resolve))
    expect(running.command('showinfo')).toMatchObject({ ports: 0 })
    expect((await askConsole(join(dir, 'mgmt'), '\u0001\u0002')).code).toBe(1038)
  })
})
