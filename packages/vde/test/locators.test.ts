/**
 * Opening networks by locator: each thing that can be wrong has an error of its own, which names the next command.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { FULL_OFFLOAD } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { createSwitch, listPorts, openVnl, VNL_MODULES } from '../src/index.ts'
import { afterTest, BROADCAST, frame, mac, Program, scratch, send, Taker, textOf, until } from './harness.ts'

/** Something that listens where a switch would. */
async function listen(dir: string, answer: string | null): Promise<void> {
  mkdirSync(dir, { recursive: true })
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (answer === null) socket.destroy()
    else socket.write(answer)
  })
  await new Promise<void>((resolve) => server.listen(join(dir, 'stream'), resolve))
  afterTest(() => server.close())
}

describe('what is no switch', () => {
  const refused = async (vnl: string, words: RegExp, code = 'ERR_IOTH_NETWORK'): Promise<void> => {
    await expect(openVnl(vnl)).rejects.toMatchObject({ code, message: expect.stringMatching(words) })
  }

  test('no directory', async () => {
    const dir = join(scratch(), 'nowhere')
    await refused(dir, /^no switch at .*nowhere: there is no such directory\. Start one: ioth switch \//)
    await refused(`vde://${dir}`, /no such directory/)
    await expect(listPorts(dir)).rejects.toThrow(/no such directory/)
  })

  test('a path that has to be quoted is quoted in the command', async () => {
    await refused(join(scratch(), "it's here"), /ioth switch '\/.*it'\\''s here'/)
  })

  test('an empty directory, and one with other things', async () => {
    const dir = scratch()
    await refused(dir, /the directory is empty\. Start one: ioth switch/)
    writeFileSync(join(dir, 'x'), '')
    await refused(dir, /the directory holds no switch/)
    writeFileSync(join(dir, 'stream'), '')
    await refused(dir, /stream is not a socket/)
  })

  test('a file, a part of the path that is a file, and the socket itself', async () => {
    const dir = scratch()
    writeFileSync(join(dir, 'file'), '')
    await refused(join(dir, 'file'), /is a file, not the directory of a switch/)
    await refused(join(dir, 'file', 'lan'), /a part of this path is a file/)
    const running = await createSwitch({ dir: join(dir, 'lan') })
    afterTest(() => running.close())
    await refused(join(dir, 'lan', 'stream'), /is a socket, not the directory of a switch\. Name its directory: .*lan$/)
  })

  test('something where the socket of a VDE switch would be', async () => {
    const dir = scratch()
    writeFileSync(join(dir, 'ctl'), '')
    await refused(dir, /ctl is not a socket/)
  })

  test.skipIf(process.platform !== 'linux')('an interface that cannot be', async () => {
    await refused('tap://much-too-long-a-name', /at most 15 octets/)
    await refused('tun://a/b', /no "\/"/)
  })

  const noTun = (process.getuid?.() !== 0 || !existsSync('/dev/net/tun')) && !process.env.CI
  test.skipIf(noTun)('an interface in use (needs root and /dev/net/tun)', async () => {
    const name = `it${process.pid}`
    const link = await openVnl(`tap://${name}`)
    expect(link).toMatchObject({ name: `tap://${name}`, type: 'ethernet', state: 'up' })
    await refused(`tap://${name}`, new RegExp(`another program uses the interface ${name}`))
    await refused(`tun://${name}`, /is an interface of another kind|another program uses/)
    await link.close()
    const again = await openVnl(`tun://${name}`)
    expect(again.type).toBe('ip')
    await again.close()
  })

  test('a path too long for a Unix socket', async () => {
    await refused(join(scratch(), 'x'.repeat(100)), /too long for a switch.*octets.*ioth switch \/tmp/)
    await expect(createSwitch({ dir: join(scratch(), 'x'.repeat(100)) })).rejects.toThrow(/too long/)
    // The longest that is not.
    const parent = scratch()
    const dir = join(parent, 'x'.repeat((process.platform === 'linux' ? 107 : 103) - 12 - parent.length - 1))
    const running = await createSwitch({ dir })
    afterTest(() => running.close())
    await (await openVnl(dir)).close()
    await refused(`${dir}x`, /too long/)
  })

  test('somebody who does not speak the protocol', async () => {
    const dir = join(scratch(), 'lan')
    await listen(dir, 'SSH-2.0-OpenSSH_9.2\r\n')
    await refused(dir, /is no switch: .*"SSH-2.0-OpenSSH_9.2.*ioth switch/, 'ERR_IOTH_PROTOCOL')
    await expect(createSwitch({ dir })).rejects.toThrow(/something else listens/)
  })

  test('somebody of another version, and somebody who refuses', async () => {
    const parent = scratch()
    await listen(join(parent, 'new'), 'ioth-switch 9 {"whatever":true}\n')
    await refused(join(parent, 'new'), /speaks version 9 .* this plug version 1/, 'ERR_IOTH_PROTOCOL')
    await listen(join(parent, 'no'), 'ioth-refused not today\n')
    await refused(join(parent, 'no'), /refuses: not today/, 'ERR_IOTH_PROTOCOL')
  })

  test('somebody who hangs up, or says far too much', async () => {
    const parent = scratch()
    await listen(join(parent, 'quiet'), null)
    await refused(join(parent, 'quiet'), /hung up without a word|its process is gone|ECONNRESET|EPIPE/)
    await listen(join(parent, 'loud'), 'x'.repeat(5000))
    await refused(join(parent, 'loud'), /is no switch/, 'ERR_IOTH_PROTOCOL')
  })

  test('a module that is not there, and an option that is not', async () => {
    await refused('nowhere://x', /no network module "nowhere"|libvdeplug is not installed.*apt-get install libvdeplug2/)
    await refused('constructor://x', /no network module "constructor"|libvdeplug2/)
    await refused('vde:///tmp/x[prot=3]', /there is no option "prot"/)
    await refused('vde:///tmp/x[mode=9]', /mode is an octal number/)
    await expect(listPorts('null://')).rejects.toThrow(/no switch that could be asked/)
    expect(VNL_MODULES).toContain('vde')
  })
})

describe('what belongs to others', () => {
  const isRoot = process.getuid?.() === 0
  /** As root there is somebody else to be; the sources must be readable to them. */
  const nobody = 65_534
  const canBeNobody =
    isRoot &&
    spawnSync(process.execPath, ['-e', 'require("node:fs").accessSync(process.argv[1])', import.meta.filename], {
      uid: nobody,
    }).status === 0

  // Under CI a test is not skipped for want of root: it fails.
  const skipsNobody = !canBeNobody && (isRoot || !process.env.CI)

  test.skipIf(isRoot)('a directory that cannot be entered (root can enter any)', async () => {
    const dir = join(scratch(), 'lan')
    mkdirSync(dir)
    chmodSync(dir, 0)
    afterTest(() => chmodSync(dir, 0o700))
    await expect(openVnl(dir)).rejects.toThrow(/permission denied/)
    await expect(createSwitch({ dir: join(dir, 'x') })).rejects.toThrow(/permission denied/)
  })

  test.skipIf(skipsNobody)("root's switch is closed to others (needs root, and sources others can read)", async () => {
    const parent = scratch()
    const dir = join(parent, 'lan')
    const running = await createSwitch({ dir })
    afterTest(() => running.close())
    chmodSync(parent, 0o755)
    const outside = new Program('plug', [dir], { uid: nobody })
    expect(await outside.line('failed')).toMatch(/ERR_IOTH_NETWORK: permission denied/)
    // Even with the directory open, the socket is not.
    chmodSync(dir, 0o755)
    const inside = new Program('plug', [dir], { uid: nobody })
    expect(await inside.line('failed')).toMatch(/ERR_IOTH_NETWORK: permission denied/)
    const starter = new Program('switch', [join(parent, 'mine')], { uid: nobody })
    expect(await starter.line('failed')).toMatch(/cannot be made: permission denied/)
  })

  test.skipIf(skipsNobody)(
    "another user's switch is not trusted (needs root, and sources others can read)",
    async () => {
      const parent = scratch()
      chmodSync(parent, 0o777)
      const dir = join(parent, 'trap')
      const other = new Program('switch', [dir], { uid: nobody })
      await other.line('up')
      await expect(openVnl(dir)).rejects.toThrow(/belongs to another user \(65534\)/)
      await expect(createSwitch({ dir })).rejects.toThrow(/belongs to another user \(65534\)/)
    },
  )
})

describe('networks without a switch', () => {
  test('null:// takes everything', async () => {
    const link = new Taker(await openVnl('null://'), FULL_OFFLOAD)
    expect(link.link).toMatchObject({ state: 'up', type: 'ethernet', mtu: 1500, name: 'null://' })
    expect(send(link.link, [frame(BROADCAST, mac(1), 'hello')])).toBe(1)
    expect(link.link.flush()).toBe(true)
    expect(() => link.link.attach(link)).toThrow(/taker/)
  })

  test('hub://NAME joins those of the same name in the thread', async () => {
    const [a, b, c] = [
      new Taker(await openVnl('hub://one')),
      new Taker(await openVnl('hub://one')),
      new Taker(await openVnl('hub://two')),
    ]
    send(a.link, [frame(BROADCAST, mac(1), 'hello')])
    expect((await b.take(1)).map(textOf)).toEqual(['hello'])
    send(c.link, [frame(BROADCAST, mac(3), 'alone')])
    await Promise.all([a.link.close(), b.link.close()])
    // The old hub is gone with its last port.
    const [d, e] = [new Taker(await openVnl('hub://one')), new Taker(await openVnl('hub://one'))]
    send(d.link, [frame(BROADCAST, mac(4), 'again')])
    expect((await e.take(1)).map(textOf)).toEqual(['again'])
    expect(c.received).toEqual([])
    await until(() => a.states.includes('closed'))
    await expect(openVnl('hub://one', { mtu: 9000 })).rejects.toThrow(/share a scheduler, a frame pool and an MTU/)
  })
})
