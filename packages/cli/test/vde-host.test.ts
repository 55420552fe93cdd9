/** `ioth vde`: the host's own kernel on a network, in a namespace that stands for the host. What was started is undone exactly. */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Namespace } from '../../conformance/test/kernel/namespace.ts'
import {
  bare,
  examples,
  ioth,
  iothEnds,
  iothProgram,
  programs,
  type Running,
  start,
  temporaryFolder,
} from './support/processes.ts'
import { iothIn, namespace, skipNamespaces, whyNamespaces } from './support/world.ts'

/** Everything that a set-up could leave behind. */
function traces(host: Namespace, folder: string): unknown {
  return {
    interfaces: host.run('ip -brief link show').replace(/ +/g, ' '),
    addresses: host.run('ip -brief addr show').replace(/ +/g, ' '),
    files: readdirSync(folder, { recursive: true }),
  }
}

/** One that ended and that nobody waited for yet is a number only. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z ')
}

interface Place {
  readonly host: Namespace
  readonly folder: string
  readonly dir: string
  /** Runs `ioth` to its end in the namespace. */
  run(...words: string[]): Promise<Running>
  traces(): unknown
}

async function place(): Promise<Place> {
  const host = await namespace()
  const folder = temporaryFolder()
  const env = { IOTH_STATE_DIR: join(folder, 'state') }
  return {
    host,
    folder,
    dir: join(folder, 'lan'),
    run: (...words) => iothIn(host, words, { env }).ended,
    traces: () => traces(host, folder),
  }
}

async function app(dir: string, address: string): Promise<Running> {
  const running = ioth(['run', `${programs}/express-app.mjs`, '-a', address, '-a', 'fc00::32/64', '-f', dir])
  await running.prints(/ready/)
  return running
}

describe.skipIf(skipNamespaces)(`the host on a network${whyNamespaces}`, () => {
  test("the kernel's curl and ping reach an Express application; stop leaves nothing", async () => {
    const { host, dir, run, traces } = await place()
    const before = traces()
    const started = await run('vde', 'start', '10.40.0.1/24', dir, 'tap7', '-a', 'fc00::1/64')
    expect([started.exitCode, started.stderr]).toEqual([
      0,
      `ioth: switch at ${dir}, and on it this host: 10.40.0.1/24, fc00::1/64 on tap7\n` +
        `ioth: programs join it with -f ${dir}. To undo all this: ioth vde stop ${dir}\n`,
    ])
    const express = await app(dir, '10.40.0.32/24')
    expect(await host.exec('curl', '-sS', '--max-time', '30', 'http://10.40.0.32/')).toMatchObject({
      code: 0,
      output: expect.stringMatching(/express/i),
    })
    expect(await host.exec('curl', '-sS', '--max-time', '30', 'http://[fc00::32]/')).toMatchObject({ code: 0 })
    expect(await host.exec('ping', '-c', '1', '-W', '10', '10.40.0.32')).toMatchObject({ code: 0 })
    expect(await host.exec('ping', '-c', '1', '-W', '10', 'fc00::32')).toMatchObject({ code: 0 })
    // The host has its place in the register like everybody.
    const ps = await iothEnds(['ps', '-f', dir])
    expect(ps.stdout).toMatch(/host tap7 .*10\.40\.0\.1 fc00::1/)
    const second = await iothEnds(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.1', '-f', dir])
    expect(second.stderr).toMatch(/10\.40\.0\.1 is in use on this network by host tap7/)
    const again = await run('vde', 'start', '10.40.0.1/24', dir)
    expect([again.exitCode, again.stderr]).toEqual([
      73,
      expect.stringMatching(/there is a switch at .* already.*ioth vde stop/),
    ])
    const status = JSON.parse((await run('vde', 'status', '--json')).stdout) as { pid: number }[]
    expect(status).toMatchObject([{ dir, tap: 'tap7', addresses: ['10.40.0.1/24', 'fc00::1/64'], running: true }])
    await express.stop()
    const stopped = await run('vde', 'stop', dir)
    expect([stopped.exitCode, stopped.stderr]).toEqual([0, `ioth: the switch at ${dir} is gone, and tap7 with it\n`])
    expect(traces()).toEqual(before)
    expect(isAlive(status[0]?.pid as number)).toBe(false)
    const nothing = await run('vde', 'stop', dir)
    expect([nothing.exitCode, nothing.stderr]).toEqual([
      69,
      expect.stringMatching(/nothing was started for .*ioth vde start/),
    ])
  })

  test('after a crash stop undoes what is left, and start begins anew', async () => {
    const { dir, run, traces } = await place()
    const before = traces()
    const crash = async (): Promise<void> => {
      const [{ pid }] = JSON.parse((await run('vde', 'status', '--json')).stdout) as [{ pid: number }]
      process.kill(pid, 'SIGKILL')
      for (;;) {
        const [{ running }] = JSON.parse((await run('vde', 'status', '--json')).stdout) as [{ running: boolean }]
        if (!running) break
      }
    }
    await run('vde', 'start', '10.40.0.1/24', dir)
    await crash()
    expect((await run('vde', 'status')).stdout).toMatch(/tap0 .* is gone; clean up: ioth vde stop/)
    expect((await run('vde', 'start', '10.40.0.1/24', dir)).exitCode).toBe(0)
    await crash()
    expect((await run('vde', 'stop', dir)).exitCode).toBe(0)
    expect(traces()).toEqual(before)
  })

  test("an interface and a directory that were there stay, with all that is somebody else's", async () => {
    const { host, folder, dir, run, traces } = await place()
    host.run('ip tuntap add tap3 mode tap')
    host.run('ip addr add 10.40.0.1/24 dev tap3')
    mkdirSync(dir, { mode: 0o700 })
    writeFileSync(join(dir, 'notes'), 'mine')
    const before = traces()
    const started = await run('vde', 'start', '10.40.0.1/24', dir, 'tap3', '-a', '10.40.0.2/24')
    expect(started.stderr).toContain('this host: 10.40.0.2/24 on tap3')
    expect(host.run('ip -brief addr show dev tap3')).toMatch(/10\.40\.0\.1\/24.*10\.40\.0\.2\/24/)
    await run('vde', 'stop', dir)
    expect(traces()).toEqual(before)
    expect(readdirSync(folder)).toEqual(['lan'])
  })

  test("the same over Debian's vde_switch", async () => {
    const { host, dir, run, traces } = await place()
    const before = traces()
    const started = await run('vde', 'start', '10.40.0.1/24', dir, 'tap0', '--engine', 'vde_switch')
    expect(started.exitCode, started.stderr).toBe(0)
    await app(dir, '10.40.0.32/24')
    expect(await host.exec('curl', '-sS', '--max-time', '30', 'http://10.40.0.32/')).toMatchObject({ code: 0 })
    await run('vde', 'stop', dir)
    expect(traces()).toEqual(before)
  })

  test('ioth run -c gives the host an interface by the name of the device, and the first free address', async () => {
    const { host, folder, dir, run, traces } = await place()
    const before = traces()
    const env = { IOTH_STATE_DIR: join(folder, 'state'), IOTH_TAP: undefined }
    const words = [
      'run',
      `${examples}/http-server.mjs`,
      '-a',
      '10.40.0.1/24',
      '-a',
      'fc00::32/64',
      '-f',
      dir,
      '-d',
      'web0',
      '-c',
    ]
    const server = iothIn(host, words, { env })
    await server.prints(/Serving/)
    expect(server.stderr).toContain(`ioth: this host is 10.40.0.2/24, fc00::1/64 on ${dir}, by its interface web0\n`)
    const fetched = await host.exec('curl', '-sS', '--max-time', '30', 'http://10.40.0.1/')
    expect(bare(fetched.output)).toBe('Hello 10.40.0.2, this is 10.40.0.1 port 80.\n')
    // The next one finds the switch, and makes nothing.
    const next = iothIn(
      host,
      ['run', `${examples}/http-server.mjs`, '-a', '10.40.0.33', '-f', dir, '-d', 'web1', '-c'],
      { env },
    )
    await next.prints(/Serving/)
    expect(host.run('ip -brief link show')).not.toMatch(/web1/)
    await server.stop('SIGINT')
    await next.stop('SIGINT')
    await run('vde', 'stop', dir)
    expect(traces()).toEqual(before)

    const tap = iothIn(host, [...words, '--tap', '10.40.0.200/24'], { env })
    await tap.prints(/Serving/)
    expect(tap.stderr).toContain('this host is 10.40.0.200/24')
    await tap.stop('SIGINT')
    await run('vde', 'stop', dir)
    const none = iothIn(host, [...words, '--no-tap'], { env })
    await none.prints(/Serving/)
    expect(none.stderr).not.toMatch(/this host/)
  })

  test('ioth run -c without root says what goes instead', async () => {
    const folder = temporaryFolder()
    chownSync(folder, 65534, 65534)
    const words = [
      'run',
      `${examples}/http-server.mjs`,
      '-a',
      '10.40.0.32/24',
      '-f',
      join(folder, 'lan'),
      '-d',
      'web0',
      '-c',
    ]
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, iothProgram, ...words]
    const server = start('setpriv', nobody, { cwd: '/', env: { IOTH_TAP: undefined } })
    await server.prints(/Serving/)
    expect(server.stderr).toBe(
      `ioth: without root this host gets no interface on ${folder}/lan. Programs of the host reach yours so: ioth publish 8080:10.40.0.32:80\n`,
    )
  })

  test('what cannot be names the next command', async () => {
    const { dir, run, traces } = await place()
    const before = traces()
    const say = async (...words: string[]): Promise<[number | null, string]> => {
      const { exitCode, stderr } = await run('vde', 'start', ...words)
      return [exitCode, stderr]
    }
    expect(await say('10.40.0.x', dir)).toEqual([64, expect.stringMatching(/Type for example: ioth vde start/)])
    expect(await say('10.40.0.1', dir, 'lo')).toEqual([69, expect.stringMatching(/lo is an interface of another kind/)])
    expect(await say('10.40.0.1', dir, 'a/b')).toEqual([69, expect.stringMatching(/an interface's name has at most/)])
    expect(await say('10.40.0.1', dir, '--engine', 'other')).toEqual([64, expect.stringMatching(/no engine "other"/)])
    expect(traces()).toEqual(before)
  })
})

test.skipIf(process.getuid?.() !== 0 && !process.env.CI)(
  'without root it says so, and what goes without (skipped unless root: it gives root up)',
  async () => {
    const words = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      iothProgram,
      'vde',
      'start',
      '10.40.0.1/24',
    ]
    const refused = await start('setpriv', [...words, '/tmp/nowhere']).ended
    expect([refused.exitCode, refused.stderr]).toEqual([
      77,
      'ioth: an interface of the host needs root. Without root programs of the host reach single ports: ioth publish 8080:10.40.0.32:80, or all: ioth proxy\n',
    ])
  },
)
