/**
 * Switches and plugs in processes of their own: what happens when they are killed, start at once, or exit in a hurry.
 *
 * @module
 */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FULL_OFFLOAD, NO_OFFLOAD, parseIpAddress } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { createSwitch, defaultNetworkDirectory, listPorts, openVnl } from '../src/index.ts'
import { askWho } from '../src/stream/control-client.ts'
import { afterTest, BROADCAST, frame, mac, Program, scratch, send, Taker, textOf, until } from './harness.ts'

describe('one switch for a directory', () => {
  test('many starters at once end with one, and it serves', async () => {
    const dir = join(scratch(), 'lan')
    const starters = Array.from({ length: 6 }, () => new Program('switch', [dir]))
    const said = await Promise.all(
      starters.map((starter) => Promise.race([starter.line('up'), starter.line('failed')])),
    )
    const winners = said.filter((line) => line.startsWith('up'))
    expect(winners).toHaveLength(1)
    const pid = winners[0]?.split(' ')[1]
    for (const line of said) if (!line.startsWith('up')) expect(line).toMatch(/^failed EADDRINUSE/)
    expect(said.find((line) => line.startsWith('failed'))).toContain(`process ${pid}`)
    expect(readdirSync(dir)).toEqual(['ctl', 'mgmt', 'stream'])
    expect(await listPorts(dir)).toEqual([])
  })

  test('also on the socket that a killed one left behind', async () => {
    const dir = join(scratch(), 'lan')
    const first = new Program('switch', [dir])
    await first.line('up')
    await first.kill()
    expect(readdirSync(dir)).toEqual(['ctl', 'mgmt', 'stream'])
    await expect(openVnl(dir)).rejects.toThrow(/its process is gone and has left its socket behind.*ioth switch/)
    const starters = Array.from({ length: 4 }, () => new Program('switch', [dir]))
    const said = await Promise.all(
      starters.map((starter) => Promise.race([starter.line('up'), starter.line('failed')])),
    )
    expect(said.filter((line) => line.startsWith('up'))).toHaveLength(1)
    expect(readdirSync(dir)).toEqual(['ctl', 'mgmt', 'stream'])
  })

  test('in every order of their steps', async () => {
    const parent = scratch()
    for (let round = 0; round < 25; round++) {
      const dir = join(parent, String(round))
      const starters = Array.from({ length: 2 + (round % 5) }, async (_, index) => {
        for (let turn = 0; turn < (index * round) % 7; turn++) await new Promise((resolve) => setImmediate(resolve))
        return createSwitch({ dir })
      })
      const outcomes = await Promise.allSettled(starters)
      const started = outcomes.filter((outcome) => outcome.status === 'fulfilled')
      for (const { value } of started) await value.close()
      expect(started).toHaveLength(1)
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'EADDRINUSE' })
      }
      expect(readdirSync(dir)).toEqual([])
    }
  })

  test('a graceful end leaves nothing', async () => {
    const dir = join(scratch(), 'lan')
    const program = new Program('switch', [dir])
    await program.line('up')
    program.child.stdin?.end()
    expect(await program.ended).toBe(0)
    expect(program.lines.at(-1)).toBe('closed: stopped')
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('a plug whose switch goes away', () => {
  test('H-40 is lost, comes back with its addresses when the switch is there again, and frames flow', async () => {
    const dir = join(scratch(), 'lan')
    const first = new Program('switch', [dir])
    await first.line('up')
    const a = new Taker(await openVnl(dir), FULL_OFFLOAD)
    const b = new Taker(await openVnl(dir), FULL_OFFLOAD)
    const address = parseIpAddress('10.0.0.1')
    await a.link.claim?.(address, mac(1))

    await first.kill()
    await until(() => a.states.includes('lost') && b.states.includes('lost'))
    expect(a.reasons[a.states.indexOf('lost')]).toMatchObject({ code: 'ENETDOWN' })
    expect(send(a.link, [frame(BROADCAST, mac(1), 'into the void')])).toBe(1)
    await expect(b.link.claim?.(parseIpAddress('10.0.0.2'), mac(2))).rejects.toMatchObject({ code: 'ENETDOWN' })

    const second = new Program('switch', [dir])
    await second.line('up')
    await until(() => a.link.state === 'up' && b.link.state === 'up')
    await expect(b.link.claim?.(address, mac(2))).rejects.toMatchObject({ code: 'EADDRINUSE' })
    send(a.link, [frame(BROADCAST, mac(1), 'back')])
    expect((await b.take(1)).map(textOf)).toEqual(['back'])
    expect(a.states).toEqual(['lost', 'up'])
  })

  test('stays lost while another plug has its address, and is up when that one goes', async () => {
    const dir = join(scratch(), 'lan')
    const first = new Program('switch', [dir])
    await first.line('up')
    const a = new Taker(await openVnl(dir), FULL_OFFLOAD)
    const address = parseIpAddress('10.0.0.1')
    await a.link.claim?.(address, mac(1))
    await first.kill()
    await until(() => a.states.includes('lost'))
    // No directory, no switch for now: so that the thief comes first.
    rmSync(dir, { recursive: true })
    const other = join(scratch(), 'other')
    const running = await createSwitch({ dir: other })
    afterTest(() => running.close())
    const thief = new Taker(await openVnl(other), FULL_OFFLOAD)
    await thief.link.claim?.(address, mac(2))
    mkdirSync(dir, { mode: 0o700 })
    renameSync(join(other, 'stream'), join(dir, 'stream'))
    await until(() => (running.counters()['claims-refused'] ?? 0) > 0)
    expect(a.link.state).toBe('lost')
    await thief.link.close()
    await until(() => a.link.state === 'up')
    expect(running.ports()[0]?.addresses).toMatchObject([{ address: '10.0.0.1', mac: mac(1) }])
  })
})

describe('processes that end', () => {
  test('an open plug keeps none alive', async () => {
    const dir = join(scratch(), 'lan')
    const running = await createSwitch({ dir })
    afterTest(() => running.close())
    const program = new Program('open', [dir])
    expect(await program.ended).toBe(0)
    expect(program.lines).toEqual([`open ${dir}`])
  })

  test('what was sent before process.exit() arrives', async () => {
    const dir = join(scratch(), 'lan')
    const running = await createSwitch({ dir, queueOctets: 16_777_216 })
    afterTest(() => running.close())
    const taker = new Taker(await openVnl(dir), NO_OFFLOAD)
    const program = new Program('flood', [dir])
    expect(await program.ended).toBe(0)
    const [, sent, empty] = (program.lines[0] as string).split(' ')
    expect(empty).toBe('true')
    const frames = await taker.take(Number(sent))
    const view = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(14)
    expect(frames.map(view)).toEqual(frames.map((_, index) => index))
    // More than the kernel takes at once: part of it was written at exit.
    expect(frames.length * 1514).toBeGreaterThan(500_000)
  })
})

describe('the default network', () => {
  /** Ends the switch of the default network; its process is nobody's child. */
  async function end(dir: string): Promise<void> {
    const pid = await switchPid(dir)
    if (pid !== 0) process.kill(pid, 'SIGKILL')
  }

  async function switchPid(dir: string): Promise<number> {
    const answer = await askWho(join(dir, 'stream'), 5_000)
    return answer.kind === 'switch' ? answer.opening.pid : 0
  }

  test('starters at once end with one switch, also after a kill', async () => {
    const dir = join(scratch(), 'net')
    afterTest(() => end(dir))
    for (let round = 0; round < 2; round++) {
      const starters = Array.from({ length: 4 }, () => new Program('default-network', [dir, '60000']))
      for (const starter of starters) expect(await starter.ended).toBe(0)
      const said = starters.flatMap(({ lines }) => lines)
      expect(said.filter((line) => line === 'started')).toHaveLength(1)
      expect(readdirSync(dir)).toEqual(['ctl', 'mgmt', 'stream'])
      await end(dir)
      await until(async () => (await switchPid(dir)) === 0)
    }
  })

  test('it ends when it is idle', async () => {
    const dir = join(scratch(), 'net')
    const program = new Program('default-network', [dir, '1'])
    expect(await program.ended).toBe(0)
    await until(() => readdirSync(dir).length === 0)
  })

  test('programs without a locator meet there, and start it again when it was killed', async () => {
    const runtime = scratch()
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime }
    const dir = defaultNetworkDirectory(env)
    expect(dir).toBe(join(runtime, 'ioth'))
    afterTest(() => end(dir))
    const programs = [new Program('plug', ['', '10.0.0.1'], { env }), new Program('plug', [''], { env })]
    for (const program of programs) await program.line('open')
    expect(await listPorts(dir)).toHaveLength(2)

    await end(dir)
    for (const program of programs) await program.line('state lost')
    for (const program of programs) await program.line('state up')
    expect((await listPorts(dir)).flatMap(({ addresses }) => addresses.map(({ address }) => address))).toEqual([
      '10.0.0.1',
    ])
  })

  test('a runtime directory that others could use is refused', async () => {
    const runtime = scratch()
    mkdirSync(join(runtime, 'ioth'), { mode: 0o755 })
    const program = new Program('plug', [''], { env: { ...process.env, XDG_RUNTIME_DIR: runtime } })
    expect(await program.line('failed')).toMatch(/ERR_IOTH_NETWORK: others may use .*chmod 700/)
  })

  test('nobody is on it while it does not run', async () => {
    const program = new Program('ports', [''], { env: { ...process.env, XDG_RUNTIME_DIR: scratch() } })
    expect(await program.line('ports')).toBe('ports []')
  })

  test("without a runtime directory of the user's own it is in the directory for temporary files", () => {
    const place = join(tmpdir(), `ioth-${process.getuid?.()}`)
    expect(defaultNetworkDirectory({})).toBe(place)
    expect(defaultNetworkDirectory({ XDG_RUNTIME_DIR: '/no/such/directory' })).toBe(place)
    expect(defaultNetworkDirectory({ XDG_RUNTIME_DIR: 'relative' })).toBe(place)
  })
})
