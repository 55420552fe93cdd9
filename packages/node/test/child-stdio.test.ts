/** Sockets of a stack as descriptors of child processes that are not Node. */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, type Network, pipeNetwork } from './networks.ts'
import { event } from './trace.ts'

async function all(socket: net.Socket): Promise<string> {
  let text = ''
  for await (const piece of socket.setEncoding('utf8')) text += piece
  return text
}

describe.each([
  ['the host', async () => hostNetwork()],
  ['stack-ts over a pipe', pipeNetwork],
])('%s', (_name, create) => {
  let network: Network
  beforeAll(async () => {
    network = await create()
  })
  afterAll(() => network.close())

  /** A server that gives each connection to a child. @returns the client's side of one, and the child. */
  async function served(
    start: (socket: net.Socket) => ChildProcess,
  ): Promise<{ client: net.Socket; child: ChildProcess }> {
    const server = network.server.net.createServer({ pauseOnConnect: true })
    server.listen(0, network.serverAddress)
    await event(server, 'listening')
    const accepted = event(server, 'connection')
    const client = network.client.net.connect((server.address() as AddressInfo).port, network.serverAddress)
    const [socket] = (await accepted) as [net.Socket]
    const child = start(socket)
    server.close()
    return { client, child }
  }

  test('cat: a megabyte there and back, and both ends end', async () => {
    const { client, child } = await served((socket) => {
      const made = spawn('cat', { stdio: [socket, socket, 'inherit'] })
      // As on the host: the child has descriptors of its own.
      socket.destroy()
      return made
    })
    expect([child.stdin, child.stdout]).toEqual([null, null])
    const sent = 'x'.repeat(1 << 20)
    const exit = event(child, 'exit')
    client.end(sent)
    expect(await all(client)).toBe(sent)
    expect(await exit).toEqual([0, null])
  })

  test('sh, inetd style: a conversation, an exit code, words of the parent before and after', async () => {
    const { client, child } = await served((socket) => {
      socket.write('welcome\n')
      const made = spawn('sh', ['-c', 'read name; echo "hello $name"; exit 7'], { stdio: [socket, socket, socket] })
      made.on('close', () => socket.destroy())
      return made
    })
    client.write('you\n')
    expect(await all(client)).toBe('welcome\nhello you\n')
    expect(child.exitCode ?? (await event(child, 'exit'))[0]).toBe(7)
  })

  test('a peer that goes away ends the child', async () => {
    const { client, child } = await served((socket) => {
      const made = spawn('cat', { stdio: [socket, socket, 'ignore'] })
      socket.destroy()
      return made
    })
    const exit = event(child, 'exit')
    client.write('something')
    await event(client, 'data')
    client.destroy()
    expect((await exit)[1]).toBeNull()
  })

  test('a child that goes away ends the connection', async () => {
    const { client, child } = await served((socket) => {
      const made = spawn('cat', { stdio: [socket, socket, 'ignore'] })
      socket.destroy()
      return made
    })
    client.write('something')
    await event(client, 'data')
    child.kill('SIGKILL')
    expect(await all(client)).toBe('')
  })

  test('an output only', async () => {
    const { client } = await served((socket) => {
      const made = spawn('echo', ['said'], { stdio: ['ignore', socket, 'ignore'] })
      socket.destroy()
      return made
    })
    expect(await all(client)).toBe('said\n')
  })
})

test('a server, for a child that listens on a descriptor', async () => {
  const network = await pipeNetwork()
  const server = network.server.net.createServer(() => {})
  server.listen(0, network.serverAddress)
  await event(server, 'listening')
  const { port } = server.address() as AddressInfo
  const source = `
    require('net').createServer((socket) => { socket.pipe(socket) }).listen({ fd: 3 }, () => console.log('ready'))`
  // Node's types know no server there; on the host it would be server._handle.fd.
  const stdio = ['ignore', 'pipe', 'inherit', server] as unknown as StdioOptions
  const child: ChildProcess = spawn(process.execPath, ['-e', source], { stdio })
  server.close()
  await event(child.stdout as Readable, 'data')
  const ask = async (word: string): Promise<string> => {
    const client = network.client.net.connect(port, network.serverAddress)
    client.end(word)
    return all(client)
  }
  expect(await Promise.all(['one', 'two', 'three'].map(ask))).toEqual(['one', 'two', 'three'])
  const exit = event(child, 'exit')
  child.kill('SIGKILL')
  await exit
  const [error] = await event(network.client.net.connect(port, network.serverAddress), 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  await network.close()
})

test('what cannot be is refused in words', async () => {
  const network = await pipeNetwork()
  const server = network.server.net.createServer().listen(80)
  await event(server, 'listening')
  const client = network.client.net.connect(80, network.serverAddress)
  await event(client, 'connect')
  expect(() => spawnSync('true', { stdio: [client, 'ignore', 'ignore'] })).toThrow(
    expect.objectContaining({ code: 'ERR_IOTH_NOT_IMPLEMENTED' }),
  )
  client.destroy()
  server.close()
  await network.close()
})
