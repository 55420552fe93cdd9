import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  bare,
  ioth,
  iothEnds,
  programs,
  type Running,
  start,
  startSwitch,
  temporaryFolder,
} from './support/processes.ts'

const tree = `${programs}/tree`

describe('one ioth run is one node, however many processes it becomes', () => {
  test.each(['fork', 'without an environment', 'through a shell'])(
    'a child shares the address, the ports and loopback: %s',
    async (way) => {
      const { path } = await startSwitch()
      const parent = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/parent.mjs`, way])
      await parent.prints(/both listen/)
      expect(bare(parent.stdout)).toContain('child on 10.40.0.32 with an ioth\n')
      expect(bare(parent.stdout)).toContain('EADDRINUSE: listen EADDRINUSE: address already in use :::80\n')
      expect(bare(parent.stdout)).toContain("by the node's address: parent to 10.40.0.32\n")
      expect(bare(parent.stdout)).toContain('by loopback: child to 127.0.0.1\n')

      const curl = (port: number) => iothEnds(['curl', '-a', '10.40.0.33/24', '-f', path, `http://10.40.0.32:${port}/`])
      expect(bare((await curl(80)).stdout)).toBe('parent to 10.40.0.33')
      expect(bare((await curl(8080)).stdout)).toBe('child to 10.40.0.33')
      expect((await curl(81)).stderr).toContain('ECONNREFUSED')
      const ping = await iothEnds(['ping', '-c', '1', '-a', '10.40.0.33/24', '-f', path, '10.40.0.32'])
      expect(ping.stdout).toContain('1 received')
      expect((await parent.stop()).exitCode).toBe(0)
    },
  )

  test('threads do, from files and from text, with or without an environment', async () => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/threads.mjs`])
    await program.prints(/all serve/)
    expect(bare(program.stdout)).toBe(
      ['a file', 'text', 'text, with an empty environment', 'a file, with no options and an empty environment']
        .map((kind) => `${kind}: 127.0.0.1\n`)
        .concat('all serve\n')
        .join(''),
    )
    const answer = await iothEnds(['curl', '-a', '10.40.0.33/24', '-f', path, 'http://10.40.0.32:8002/'])
    expect(bare(answer.stdout)).toBe('10.40.0.32')
  })

  test.each([
    ['share', /^10\.40\.0\.32$/],
    ['new', /^10\.40\.0\.(?!32$)\d+$/],
    ['host', /^the host$/],
  ])('--children=%s says what children and threads are', async (children, expected) => {
    const { path } = await startSwitch()
    const words = ['run', `--children=${children}`, '-a', '10.40.0.32/24', '-f', path, `${tree}/whose-address.mjs`]
    const { stdout, stderr, exitCode } = await iothEnds(words)
    expect([stderr, exitCode]).toEqual(['', 0])
    const said = stdout.trim().split('\n')
    expect(said.map((line) => line.replace(/: .*/, ''))).toEqual([
      'child',
      'child without an environment',
      'behind a shell',
      'thread',
    ])
    for (const line of said) expect(line.replace(/.*: /, '')).toMatch(expected)
  })

  test('an address that the node gets later is one of every process', async () => {
    const { path } = await startSwitch()
    const gateway = async (prefix: string): Promise<Running> => {
      const running = ioth(['gateway', '--no-dhcp', '-a', '10.40.0.1/24', '-a', `${prefix}::1/64`, '-f', path])
      await running.prints(/IPv6 /)
      return running
    }
    const first = await gateway('fc00:a')
    const program = ioth(['run', '--slaac', '-q', '-f', path, `${tree}/addresses.mjs`, 'fc00:b::1'])
    for (const who of ['parent', 'child'])
      await program.prints(new RegExp(`${who} has fc00:a:[^,]*, speaks from ENETUNREACH`))
    await first.stop()
    await gateway('fc00:b')
    const seen: string[] = []
    for (const who of ['parent', 'child']) {
      const [, own, from] = await program.prints(
        new RegExp(`${who} has fc00:a:[^,]*,(fc00:b:.*), speaks from (.*), asks`),
      )
      expect(from).toBe(own)
      seen.push(own as string)
    }
    expect(new Set(seen).size).toBe(1)
  })

  test('execFileSync of a child that fetches from another node returns', async () => {
    const { path } = await startSwitch()
    const server = ioth(['run', '-a', '10.40.0.40/24', '-f', path, 'examples/http-server.mjs'])
    await server.prints(/Serving/)
    const url = 'http://10.40.0.40/'
    const { stdout } = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/fetch-in-child.mjs`, url])
    expect(stdout).toBe('Hello 10.40.0.32, this is 10.40.0.40 port 80.\n')
  })

  test('a program that is busy for five seconds keeps nobody waiting: ping, its child, its connections', async () => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/busy.mjs`])
    await program.prints(/both listen/)
    const client = ioth(['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/busy-client.mjs`, '10.40.0.32'])
    await program.prints(/spinning/)
    const ping = await iothEnds(['ping', '-c', '1', '-W', '4', '-a', '10.40.0.34/24', '-f', path, '10.40.0.32'])
    expect(ping.stdout).toContain('1 received')
    const { stdout, stderr } = await client.ended
    expect(stderr).toBe('')
    expect(stdout).toBe('before\nthe child answers\nspin\nafter\nearly\n')
    await program.stop()
  })

  test('a member that is killed: its port is free, its connections are reset, near and far', async () => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/killer.mjs`, 'child'])
    await program.prints(/connected/)
    const far = await iothEnds(['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/far-client.mjs`, '10.40.0.32'])
    expect(far.stdout).toBe('far client: ECONNRESET\n')
    expect((await program.ended).stdout).toBe('connected\nclient: ECONNRESET\nthe port is free\n')
  })

  test('a hub that is killed: clear errors, and nothing hangs', async () => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/killer.mjs`, 'hub'])
    await program.prints(/connected/)
    ioth(['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/far-client.mjs`, '10.40.0.32'])
    const { stdout, stderr, exitCode } = await program.ended
    expect(stdout).toBe('connected\nclient: ENETDOWN\nconnect: ENETDOWN\nlisten: ENETDOWN\n')
    expect(stderr).toContain('the hub of this node')
    expect(stderr).toContain('Start the program again: ioth run')
    expect(exitCode).toBe(0)
  })

  test('what a hub that was killed leaves behind is removed by the next one, and nothing else', async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    const env = { TMPDIR: folder, XDG_RUNTIME_DIR: undefined }
    const lives = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/parent.mjs`, 'fork'], { env })
    await lives.prints(/both listen/)
    const before = readdirSync(folder)
    mkdirSync(join(folder, 'ioth-node-begun'))
    const dies = ioth(['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/parent.mjs`, 'fork'], { env })
    await dies.prints(/both listen/)
    const [left = ''] = readdirSync(folder).filter((name) => name !== 'ioth-node-begun' && !before.includes(name))
    const { pid } = JSON.parse(readFileSync(join(folder, left, 'report.json'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    await dies.prints(/is gone/)
    await dies.stop()

    const removed = new Promise<void>((resolve) => {
      const watcher = watch(folder, () => {
        if (existsSync(join(folder, left))) return
        watcher.close()
        resolve()
      })
    })
    const next = ioth(['run', '-a', '10.40.0.34/24', '-f', path, `${tree}/parent.mjs`, 'fork'], { env })
    await next.prints(/both listen/)
    await removed
    expect(readdirSync(folder)).toEqual(expect.arrayContaining([...before, 'ioth-node-begun']))
    expect(readdirSync(folder)).toHaveLength(before.length + 2)
    for (const program of [lives, next]) await program.stop()
  })

  test.each(['rr', 'none'])('the workers of a cluster share a port, by the scheduling policy %s', async (policy) => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/cluster.mjs`, policy])
    await program.prints(/both listen at 80/)
    const words = ['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/ask-often.mjs`, 'http://10.40.0.32/']
    const { stdout, stderr } = await iothEnds(words)
    expect(stderr).toBe('')
    expect(bare(stdout)).toBe('worker 1 to 10.40.0.33\nworker 2 to 10.40.0.33\n')
    expect((await program.stop()).exitCode).toBe(0)
  })

  test('a connection, a server and a datagram socket that a child is sent are the child’s', async () => {
    const { path } = await startSwitch()
    const program = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/sends.mjs`])
    await program.prints(/sent/)
    const { output } = await iothEnds(['run', '-a', '10.40.0.33/24', '-f', path, `${tree}/takes.mjs`, '10.40.0.32'])
    expect(output).toBe(
      'welcome\nthe parent read one\nthe child has it\ntwo\n1000000 octets came back\nthe child accepted\nchild: hello\n',
    )
    expect((await program.stop()).exitCode).toBe(0)
  })

  const transfers = Object.getOwnPropertySymbols(net.Socket.prototype).some((each) =>
    /transfer/.test(`${each.description}`),
  )
  test.skipIf(!transfers)(
    `a connection and a server go to a thread, as on the host${transfers ? '' : ' (this Node transfers no sockets)'}`,
    async () => {
      const { path } = await startSwitch()
      const onHost = await start(process.execPath, [`${tree}/transfers.mjs`]).ended
      const { output } = await iothEnds(['run', '-q', '-a', '10.40.0.32/24', '-f', path, `${tree}/transfers.mjs`])
      expect(output).toBe('the thread has the connection of 127.0.0.1\nthe thread accepted 127.0.0.1\n')
      expect(output).toBe(onHost.output)
    },
  )

  test('a connection of a process to itself, of which one end is sent to a child', async () => {
    const { path } = await startSwitch()
    const { output } = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/sends-to-itself.mjs`])
    expect(output).toBe(
      [
        'first has it, heard word 0',
        'second has it, heard word 1',
        'first has it, heard word 2',
        'second has it, heard word 3',
        'first has it, heard farewell\n',
      ].join('\n'),
    )
  })

  test('a child that outlives its parent keeps the address, and gives it back when it ends', async () => {
    const { path } = await startSwitch()
    const parent = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/leaves-a-child.mjs`])
    const [, pid] = /left (\d+)/.exec(parent.stdout) as RegExpExecArray
    onTestFinished(() => killQuietly(Number(pid)))
    expect(await greeting(path)).toBe('hello')
    const second = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/whose-address.mjs`])
    expect(second.stderr).toContain('10.40.0.32 is in use on this network by leaves-a-child.mjs')
    process.kill(Number(pid))
    await until(async () => JSON.parse((await iothEnds(['ps', '--json', '-f', path])).stdout).length === 0)
  })

  test('two programs of Node behind a shell are on one node; the shell tells how it ended', async () => {
    const { path } = await startSwitch()
    const both = `"${process.execPath}" "${tree}/sibling.mjs" serve & "${process.execPath}" "${tree}/sibling.mjs"; exit 3`
    const shell = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, '--', 'sh', '-c', both])
    expect(shell.stdout).toBe('the sibling says hello\n')
    expect(shell.exitCode).toBe(3)
  })

  test('npm scripts and binaries of packages', async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
    copyFileSync(`${tree}/whose-address.mjs`, join(folder, 'app.mjs'))
    writeFileSync(join(folder, 'package.json'), '{ "scripts": { "start": "node app.mjs", "bin": "tool" } }')
    writeFileSync(join(folder, 'node_modules/.bin/tool'), '#!/usr/bin/env node\nimport("../../app.mjs")\n', {
      mode: 0o755,
    })
    for (const words of [['npm', 'start'], ['npm', 'run', 'bin'], ['tool']]) {
      const program = await iothEnds(['run', '-a', '10.40.0.32/24', '-f', path, '--', ...words], { cwd: folder })
      expect(program.stdout).toContain('child: 10.40.0.32\n')
      expect(program.stdout).toContain('thread: 10.40.0.32\n')
    }
  })
})

/** What the server of the child says, to somebody else on the network. */
async function greeting(path: string): Promise<string> {
  const client = ioth(['nc', '-a', '10.40.0.33/24', '-f', path, '10.40.0.32', '8080'])
  await client.prints(/hello/)
  await client.stop('SIGKILL')
  return client.stdout
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve))
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, as it should be.
  }
}
