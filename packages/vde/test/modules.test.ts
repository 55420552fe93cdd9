/**
 * Networks by their locators: each module against what it is made to speak to.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { FULL_OFFLOAD } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { createSwitch, openVnl } from '../src/index.ts'
import {
  afterTest,
  BROADCAST,
  frame,
  mac,
  Program,
  SUPER,
  scratch,
  send,
  superSegment,
  Taker,
  textOf,
  until,
} from './harness.ts'
import { noVdeTools, VdePlugTool } from './vde-tools.ts'

const skipped = noVdeTools === null ? '' : ` (skipped: ${noVdeTools})`

async function joined(vnl: string, mtu = 1500): Promise<Taker> {
  return new Taker(await openVnl(vnl, { mtu }))
}

/** A port nobody has at the moment. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

async function bothWays(a: Taker, b: Taker, length = 60): Promise<void> {
  send(a.link, [frame(BROADCAST, mac(1), 'there', length)])
  expect((await b.take(1)).map((each) => [textOf(each), each.length])).toEqual([['there', length]])
  send(b.link, [frame(mac(1), mac(2), 'one', length), frame(mac(1), mac(2), 'two', length)])
  expect((await a.take(2)).map(textOf)).toEqual(['one', 'two'])
}

describe('hub:// and switch://', () => {
  test('in this thread', async () => {
    for (const kind of ['hub', 'switch']) {
      const [a, b] = [await joined(`${kind}://x`), await joined(`${kind}://x`)]
      await bothWays(a, b)
      await a.link.close()
      await b.link.close()
    }
  })

  test('between processes, by a path: the first one is the switch', async () => {
    const path = join(scratch(), 'h')
    const a = await joined(`hub://${path}`)
    const other = new Program('open-and-say', [`hub://${path}`])
    await other.line('open')
    other.say('hello')
    expect((await a.take(1)).map(textOf)).toEqual(['hello'])
    const b = await joined(`hub://${path}`)
    await bothWays(a, b)
    await a.link.close()
    await until(() => b.states.includes('lost'))
    expect(existsSync(join(path, 'stream'))).toBe(false)
  })
})

test('a file with a locator in it', async () => {
  const dir = scratch()
  writeFileSync(join(dir, 'net'), 'hub://pointed\n')
  const [a, b] = [await joined(join(dir, 'net')), await joined('hub://pointed')]
  await bothWays(a, b)
  writeFileSync(join(dir, 'note'), 'not a locator\n')
  await expect(openVnl(join(dir, 'note'))).rejects.toThrow(/is a file, not the directory/)
})

describe('udp://', () => {
  test('two ends', async () => {
    const [p, q] = [await freePort(), await freePort()]
    const a = await joined(`udp://127.0.0.1:${p}->127.0.0.1:${q}`, 9000)
    send(a.link, [frame(BROADCAST, mac(1), 'into the void')])
    const b = await joined(`udp://${q}->127.0.0.1:${p}`, 9000)
    await bothWays(a, b)
    await bothWays(a, b, 9014)
  })

  test('who else sends is not heard', async () => {
    const [p, q] = [await freePort(), await freePort()]
    const a = await joined(`udp://127.0.0.1:${p}->127.0.0.1:${q}`)
    const stranger = createSocket('udp4')
    afterTest(() => stranger.close())
    await new Promise((done) => stranger.send(frame(BROADCAST, mac(9), 'stranger'), p, '127.0.0.1', done))
    const b = await joined(`udp://127.0.0.1:${q}->127.0.0.1:${p}`)
    send(b.link, [frame(BROADCAST, mac(2), 'friend')])
    expect((await a.take(1)).map(textOf)).toEqual(['friend'])
  })

  test('what is wrong is said', async () => {
    await expect(openVnl('udp://1.2.3.4:5')).rejects.toThrow(/PORT->HOST:PORT.*udp:\/\/10000->/)
    await expect(openVnl('udp://0->1.2.3.4:5')).rejects.toThrow(/PORT->HOST:PORT/)
    const port = await freePort()
    const a = await joined(`udp://127.0.0.1:${port}->127.0.0.1:9`)
    await expect(openVnl(`udp://127.0.0.1:${port}->127.0.0.1:9`)).rejects.toThrow(/in use/)
    await a.link.close()
  })
})

describe.skipIf(skipped !== '')(`cmd://${skipped}`, () => {
  test("vde_plug's framing on standard input and output", async () => {
    const dir = join(scratch(), 'lan')
    const running = await createSwitch({ dir })
    afterTest(() => running.close())
    const a = await joined(`cmd://vde_plug '${dir}'`, 9000)
    const b = await joined(dir, 9000)
    await until(() => running.ports().length === 2)
    await bothWays(a, b)
    await bothWays(a, b, 9014)
  })

  test('what ended is started again', async () => {
    const dir = join(scratch(), 'lan')
    const first = await createSwitch({ dir })
    const a = await joined(`cmd://vde_plug ${dir}`)
    await until(() => first.ports().length === 1)
    await first.close()
    await until(() => a.states.includes('lost'))
    const again = await createSwitch({ dir })
    afterTest(() => again.close())
    const b = await joined(dir)
    await until(() => again.ports().length === 2)
    await bothWays(a, b)
  })
})

test('a command that is not there', async () => {
  await expect(openVnl('cmd:// ')).rejects.toThrow(/no command/)
  const a = await joined('cmd://ioth-nowhere-at-all')
  await until(() => a.states.includes('closed'))
  expect(a.reasons.at(-1)).toMatchObject({ code: 'ERR_IOTH_NETWORK', message: expect.stringMatching(/ended \(127\)/) })
})

describe('qemu:// and passt://', () => {
  test('four octets of length, as a server and as a client', async () => {
    const path = join(scratch(), 'socket')
    const a = await joined(`qemu://${path}[listen]`, 9000)
    send(a.link, [frame(BROADCAST, mac(1), 'into the void')])
    const b = await joined(`passt://${path}`, 9000)
    send(b.link, [frame(BROADCAST, mac(2), 'first')])
    expect((await a.take(1)).map(textOf)).toEqual(['first'])
    await bothWays(a, b)
    await bothWays(a, b, 9014)
    await b.link.close()
    const c = await joined(`qemu://${path}`)
    // The server may not have heard yet that the one before is gone: then it hangs up, and the next one comes again.
    await until(() => {
      send(c.link, [frame(BROADCAST, mac(2), 'next')])
      return a.received.length > 0
    })
    expect((await a.take(1)).map(textOf)).toEqual(['next'])
  })

  test('the octets are those of QEMU, also in pieces; a length that cannot be ends it', async () => {
    const path = join(scratch(), 'socket')
    const server = createServer()
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await new Promise<void>((done) => server.listen(path, done))
    afterTest(() => server.close())
    const a = await joined(`qemu://${path}`)
    const socket = await accepted
    afterTest(() => socket.destroy())
    const octets: Buffer[] = []
    socket.on('data', (data: Buffer) => octets.push(data))
    send(a.link, [frame(BROADCAST, mac(1), 'x')])
    await until(() => Buffer.concat(octets).length === 64)
    expect(Buffer.concat(octets).subarray(0, 4)).toEqual(Buffer.from([0, 0, 0, 60]))
    const said = Buffer.concat([Buffer.from([0, 0, 0, 60]), frame(BROADCAST, mac(2), 'pieces')])
    for (const octet of said) socket.write(Buffer.of(octet))
    expect((await a.take(1)).map(textOf)).toEqual(['pieces'])
    socket.write(Buffer.from([0xff, 0, 0, 0]))
    await until(() => a.states.includes('lost'))
    expect(a.reasons[0]?.message).toMatch(/another language: a frame of 4278190080 octets/)
  })

  test('a dead socket in the way is removed, and `require` of the program around goes on through links', () => {
    const dir = scratch()
    const socket = join(dir, 'socket')
    const killed = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))'
    spawnSync(process.execPath, ['-e', killed, socket])
    expect(existsSync(socket)).toBe(true)
    // A package behind a link, as pnpm lays them out: what it requires is beside its real place.
    mkdirSync(join(dir, 'store/node_modules/other'), { recursive: true })
    mkdirSync(join(dir, 'store/linked'))
    mkdirSync(join(dir, 'app/node_modules'), { recursive: true })
    writeFileSync(join(dir, 'store/node_modules/other/index.js'), 'module.exports = "found"')
    writeFileSync(join(dir, 'store/linked/index.js'), 'module.exports = require("other")')
    symlinkSync('../../store/linked', join(dir, 'app/node_modules/linked'))
    writeFileSync(
      join(dir, 'app/main.mjs'),
      `import { createRequire } from 'node:module'
      import { openVnl } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      const link = await openVnl(${JSON.stringify(`qemu://${socket}[listen]`)})
      console.log(createRequire(import.meta.url)('linked'))
      await link.close()`,
    )
    const { stdout, stderr } = spawnSync(process.execPath, [join(dir, 'app/main.mjs')], { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['found\n', ''])
  })

  test('nobody there', async () => {
    await expect(openVnl(`passt://${join(scratch(), 'none')}`)).rejects.toThrow(/no such socket.*passt -f -s/)
    const path = join(scratch(), 'dead')
    const server = createServer()
    await new Promise<void>((done) => server.listen(path, done))
    const probe = connect(path)
    await new Promise((done) => probe.on('connect', done))
    probe.destroy()
    afterTest(() => server.close())
    await expect(openVnl(`qemu://${path}[listen]`)).rejects.toThrow(/is there already/)
  })
})

describe('impair://', () => {
  test('a network in braces', async () => {
    const a = await joined('impair://{hub://bad}/loss=100%')
    const b = await joined('hub://bad')
    send(a.link, [frame(BROADCAST, mac(1), 'lost')])
    send(b.link, [frame(BROADCAST, mac(2), 'lost too')])
    const c = await joined('impair://{hub://bad}/corrupt=0/mtu=1000')
    send(c.link, [frame(BROADCAST, mac(3), 'long', 1500), frame(BROADCAST, mac(3), 'short')])
    expect((await b.take(1)).map(textOf)).toEqual(['short'])
    expect(a.received).toEqual([])
    await expect(openVnl('impair://{hub://bad}/los=1')).rejects.toThrow(/no option "los"/)
    await expect(openVnl('impair://{hub://bad}/loss=much')).rejects.toThrow(/share is like 5%/)
    await expect(openVnl('impair://x')).rejects.toThrow(/no network in braces/)
    await expect(openVnl('hub://{hub://bad}')).rejects.toThrow(/takes no network in braces/)
  })
})

describe.skipIf(skipped !== '')(`modules of libvdeplug${skipped}`, () => {
  test('ptp:// with a real vde_plug at the other end', async () => {
    const path = join(scratch(), 'ptp')
    const a = await joined(`ptp://${path}`)
    const theirs = new VdePlugTool(`ptp://${path}`)
    theirs.send(frame(BROADCAST, mac(2), 'hello'))
    expect((await a.take(1)).map(textOf)).toEqual(['hello'])
    send(a.link, [frame(mac(2), mac(1), 'one'), frame(mac(2), mac(1), 'two')])
    expect((await theirs.take(2)).map(textOf)).toEqual(['one', 'two'])
  })

  test('a module that is in no package, and one that is in one of its own', async () => {
    await expect(openVnl('nowhere://x')).rejects.toThrow(/no network module "nowhere"\. There are: .*ioth switch DIR/)
    await expect(openVnl('vdesl://x')).rejects.toThrow(/apt-get install libvdeplug-vdesl|libvdeplug cannot open it/)
  })
})

test('super-segments are finished for what takes complete frames only', async () => {
  const path = join(scratch(), 'socket')
  const a = new Taker(await openVnl(`qemu://${path}[listen]`))
  expect(a.link.offload.segment).toBe(false)
  const b = new Taker(await openVnl(`qemu://${path}`), FULL_OFFLOAD)
  // Nobody may hand one over; should somebody do so, it is dropped and counted, not sent.
  send(b.link, [superSegment(mac(2), mac(1), 14_480)], SUPER, 1448, 34)
  send(b.link, [frame(BROADCAST, mac(1), 'after')])
  expect((await a.take(1)).map(textOf)).toEqual(['after'])
})
