/** Stacks in helper processes: the TypeScript stack behind the remote one, and what happens when somebody dies. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createFramePool,
  createHub,
  createScheduler,
  END,
  ERROR,
  type Interface,
  NetError,
  type PingRefusal,
  parseIpAddress,
  READABLE,
  type Stack,
  type TcpSocket,
  WRITABLE,
} from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { afterEach, expect, test, vi } from 'vitest'
import { fromWire, toWire } from './calls.ts'
import { createRemoteStack } from './remote-stack.ts'

const module = join(
  dirname(realpathSync(createRequire(import.meta.url).resolve('@ioth/stack-ts/package.json'))),
  'dist/index.js',
)
const scheduler = createScheduler()
const pool = createFramePool()
const open: Stack[] = []

afterEach(async () => {
  for (const stack of open.splice(0)) await stack.close()
})

async function pair(): Promise<[remote: Stack, local: Stack]> {
  const hub = createHub({ scheduler, pool })
  const remote = await createRemoteStack({
    backend: 'ts',
    capabilities: ts.capabilities,
    module,
    settings: {},
    stack: { scheduler, pool, interfaces: [{ link: hub.port('a'), addresses: ['10.0.0.1/24'] }] },
  })
  const local = await ts.createStack({
    scheduler,
    pool,
    interfaces: [{ link: hub.port('b'), addresses: ['10.0.0.2/24'] }],
  })
  open.push(remote, local)
  return [remote, local]
}

const ready = (socket: TcpSocket, bits: number): Promise<number> =>
  new Promise((resolve) => {
    socket.onReady = (_, seen) => {
      socket.interest = 0
      resolve(seen)
    }
    socket.interest = bits | ERROR
  })

/** Writes octets and the end, and reads to the end of what comes. */
async function talk(socket: TcpSocket, send: number): Promise<number> {
  const octets = Buffer.alloc(send, 'x')
  const into = Buffer.alloc(65_536)
  let sent = 0
  let got = 0
  for (let ended = false; !ended || sent < send; ) {
    const bits = await ready(socket, (ended ? 0 : READABLE) | (sent < send ? WRITABLE : 0))
    if ((bits & ERROR) !== 0) throw socket.error
    if ((bits & WRITABLE) !== 0) {
      sent += Math.max(0, socket.write(octets, sent, send - sent))
      if (sent === send) socket.shutdown()
    }
    if ((bits & READABLE) !== 0) {
      const count = socket.read(into, 0, into.length)
      if (count === END) ended = true
      else got += count
    }
  }
  socket.close()
  return got
}

test('connections both ways, with octets, ends, and synchronous answers', async () => {
  const [remote, local] = await pair()
  for (const [from, to] of [
    [remote, local],
    [local, remote],
  ] as const) {
    const listening = to.openTcp(4)
    listening.bind(parseIpAddress('0.0.0.0'), 0)
    const listener = listening.listen(8)
    expect(listener.localPort).toBeGreaterThan(0)
    const client = from.openTcp(4)
    const address = to.interfaces[0]?.addresses[0]?.address ?? parseIpAddress('::')
    client.connect(address, listener.localPort)
    expect(client.localPort).toBeGreaterThan(0)
    await ready(listener as unknown as TcpSocket, READABLE)
    const server = listener.accept() as TcpSocket
    expect(server.remotePort).toBe(client.localPort)
    expect(await Promise.all([talk(client, 300_000), talk(server, 200_000)])).toEqual([200_000, 300_000])
    listener.close()
  }
  await vi.waitFor(() => expect(remote.counters().framesIn).toBeGreaterThan(0))
  expect((await remote.ping(parseIpAddress('10.0.0.2'))).from.toString()).toBe('10.0.0.2')
})

test('what is under way when the stack closes is settled', async () => {
  const [remote] = await pair()
  const [on] = remote.interfaces as [Interface]
  // The helper's stack looks for duplicates of it.
  const adding = expect(on.addAddress(parseIpAddress('10.0.0.7'), 24)).rejects.toMatchObject({ code: 'ENETDOWN' })
  const pinging = expect(remote.ping(parseIpAddress('10.0.0.99'))).rejects.toMatchObject({ code: 'ENETDOWN' })
  await remote.close()
  await Promise.all([adding, pinging])
})

test('a ping that is given up', async () => {
  const [remote] = await pair()
  const reason = new Error('enough')
  const stop = new AbortController()
  const pinging = remote.ping(parseIpAddress('10.0.0.99'), { timeoutMs: 60_000, signal: stop.signal })
  stop.abort(reason)
  await expect(pinging).rejects.toMatchObject({ name: 'AbortError', cause: reason })
  await expect(remote.ping(parseIpAddress('10.0.0.99'), { signal: stop.signal })).rejects.toThrow('aborted')
  expect((await remote.ping(parseIpAddress('10.0.0.2'))).size).toBe(56)
})

test('what a router said of a ping gets through', () => {
  const cause: PingRefusal = { kind: 'time-exceeded', from: parseIpAddress('10.0.0.254') }
  const error = new NetError('EHOSTUNREACH', 'ping', { address: '10.0.0.254', cause, message: 'its time is over' })
  const told = fromWire(JSON.parse(JSON.stringify(toWire(error))))
  expect(told).toMatchObject({ code: 'EHOSTUNREACH', address: '10.0.0.254', message: 'its time is over', cause })
})

test('a refused connection, an address of nobody', async () => {
  const [remote] = await pair()
  const socket = remote.openTcp(4)
  socket.connect(parseIpAddress('10.0.0.2'), 9)
  expect(await ready(socket, WRITABLE)).toBe(WRITABLE | ERROR)
  expect(socket.error).toMatchObject({ code: 'ECONNREFUSED', address: '10.0.0.2', port: 9 })
  const other = remote.openTcp(4)
  expect(() => other.connect(parseIpAddress('192.0.2.1'), 9)).toThrow(expect.objectContaining({ code: 'ENETUNREACH' }))
  socket.close()
  other.close()
})

test('kill -9 of the helper: ECONNRESET, ENETDOWN, one line, and the program goes on', async () => {
  const [remote, local] = await pair()
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const listening = local.openTcp(4)
    listening.bind(parseIpAddress('10.0.0.2'), 80)
    listening.listen(1)
    const socket = remote.openTcp(4)
    socket.connect(parseIpAddress('10.0.0.2'), 80)
    expect(await ready(socket, WRITABLE)).toBe(WRITABLE)
    const { pid } = (remote as unknown as { engine: { helper: { pid: number } } }).engine.helper
    process.kill(pid, 'SIGKILL')
    expect((await ready(socket, 0)) & ERROR).toBe(ERROR)
    expect(socket.error?.code).toBe('ECONNRESET')
    expect(() => remote.openTcp(4)).toThrow(expect.objectContaining({ code: 'ENETDOWN' }))
    await expect(remote.closed).rejects.toMatchObject({ code: 'ENETDOWN' })
    expect(said.mock.calls).toEqual([
      ['ioth: the helper process that ran the stack "ts" died (SIGKILL); its connections are reset\n'],
    ])
    expect(() => process.kill(pid, 0)).toThrow()
    // Nobody answers any more: what is asked now does not wait.
    await remote.interfaces[0]?.remove()
    await expect(remote.addInterface({ link: createHub({ scheduler, pool }).port('c') })).rejects.toThrow()
  } finally {
    said.mockRestore()
  }
})

test('a module that is no backend: an error, and nothing is left', async () => {
  const making = createRemoteStack({
    backend: 'ts',
    capabilities: ts.capabilities,
    module: '/nowhere/backend.js',
    settings: {},
    stack: { scheduler, pool, interfaces: [] },
  })
  expect(await making.catch((error: NetError) => error.message)).toContain('/nowhere/backend.js')
})

/** A program of its own that holds a stack in a helper, and prints the helper's process id. */
const PROGRAM = fileURLToPath(new URL('../../test/programs/isolated.mjs', import.meta.url))

test.runIf(existsSync('/proc/self'))('kill -9 of the program: no orphan', async () => {
  const program = spawn(process.execPath, [PROGRAM, 'stay', module], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(program.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('helper.js')
  program.kill('SIGKILL')
  await vi.waitFor(() => expect(existsSync(`/proc/${pid}`) && !isZombie(pid)).toBe(false), { timeout: 10_000 })
})

test('process.exit() with an open stack does not hang, and what was written has gone', async () => {
  const program = spawn(process.execPath, [PROGRAM, 'exit', module], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [code] = (await once(program, 'exit')) as [number]
  expect(code).toBe(7)
})

function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
