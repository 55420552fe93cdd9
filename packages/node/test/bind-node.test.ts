/**
 * The explicit mode: modules with every export, on several networks at once.
 *
 * @module
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import os from 'node:os'
import { createScheduler, type Stack } from '@ioth/core'
import { afterEach, describe, expect, test } from 'vitest'
import { type BoundModules, bindNode, runInStack, setProcessStack } from '../src/index.ts'
import { createFakeStack } from './fake-stack.ts'
import { hostModules } from './networks.ts'
import { event } from './trace.ts'

function fake(address = '10.0.0.1'): Stack {
  return createFakeStack(createScheduler(), [address])
}

const HOST = hostModules
/** Those that are modules, as opposed to globals. */
const MODULES = ['net', 'http', 'https', 'http2', 'tls', 'dgram', 'dns', 'dns/promises'] as const

describe('exports', () => {
  const bound = bindNode(fake())

  for (const name of MODULES) {
    test(`every export of node:${name} is there`, () => {
      const expected = process.getBuiltinModule(`node:${name}`) as unknown as Record<string, unknown>
      const seen = bound[name] as unknown as Record<string, unknown>
      expect(Object.keys(seen).sort()).toEqual(Object.keys(expected).sort())
      for (const key of Object.keys(expected)) expect(typeof seen[key], key).toBe(typeof expected[key])
    })
  }

  test('the same stack has the same modules', () => {
    const stack = fake()
    expect(bindNode(stack)).toBe(bindNode(stack))
    expect(bindNode(stack).net).toBe(bindNode(stack).net)
  })
})

describe('networks beside each other', () => {
  afterEach(() => setProcessStack(null))

  async function serve(modules: BoundModules, port: number, host: string, word: string): Promise<net.Server> {
    const server = modules.net.createServer((socket) => socket.end(word))
    server.listen(port, host)
    await event(server, 'listening')
    return server
  }

  async function ask(modules: BoundModules, port: number, host: string): Promise<string> {
    const socket = modules.net.connect(port, host)
    let text = ''
    for await (const piece of socket) text += piece
    return text
  }

  test('two stacks and the host listen on one port of 127.0.0.1', async () => {
    const [a, b] = [bindNode(fake()), bindNode(fake())]
    const onHost = await serve(HOST, 0, '127.0.0.1', 'host')
    const { port } = onHost.address() as AddressInfo
    const onA = await serve(a, port, '127.0.0.1', 'a')
    const onB = await serve(b, port, '127.0.0.1', 'b')
    expect(await ask(a, port, '127.0.0.1')).toBe('a')
    expect(await ask(HOST, port, '127.0.0.1')).toBe('host')
    expect(await ask(b, port, '127.0.0.1')).toBe('b')
    for (const server of [onHost, onA, onB]) server.close()
  })

  test('sockets and servers are instances of Node’s classes, and of the bound ones', async () => {
    const modules = bindNode(fake())
    const server = await serve(modules, 80, '10.0.0.1', 'x')
    const accepted = event(server, 'connection')
    const socket = modules.net.connect(80, '10.0.0.1')
    for (const each of [socket, (await accepted)[0]]) {
      expect(each).toBeInstanceOf(net.Socket)
      expect(each).toBeInstanceOf(modules.net.Socket)
    }
    expect(server).toBeInstanceOf(net.Server)
    expect(modules.http.createServer()).toBeInstanceOf(http.Server)
    socket.resume()
    server.close()
  })

  test('the choice does not pass to what a callback opens', async () => {
    const modules = bindNode(fake())
    const onHost = await serve(HOST, 0, '127.0.0.1', 'host')
    const { port } = onHost.address() as AddressInfo
    const answers: Promise<string>[] = []
    const opener = (): void => void answers.push(ask(HOST, port, '127.0.0.1'))
    const server = modules.net.createServer((socket) => {
      opener()
      socket.on('data', opener)
      socket.on('end', opener)
    })
    server.on('listening', opener)
    server.listen(port, '127.0.0.1')
    await event(server, 'listening')
    const socket = modules.net.connect({
      port,
      host: 'somewhere.example',
      lookup(_name, _options, callback) {
        opener()
        // In the same tick, as a cache does.
        ;(callback as (error: null, address: string, family: number) => void)(null, '127.0.0.1', 4)
      },
      autoSelectFamily: false,
    })
    socket.on('connect', opener)
    socket.on('close', opener)
    socket.end('data')
    socket.resume()
    await event(socket, 'close')
    expect(answers).toHaveLength(7)
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['host']))
    for (const each of [server, onHost]) each.close()
  })

  test('classes derived from the bound ones, and constructors called as functions', async () => {
    const modules = bindNode(fake())
    class Mine extends modules.net.Server {
      mine = true
    }
    const server = new Mine((socket: net.Socket) => socket.end('mine'))
    server.listen(80, '10.0.0.1')
    await event(server, 'listening')
    class Client extends modules.net.Socket {
      hello = 'hello'
    }
    const client = new Client()
    client.connect(80, '10.0.0.1')
    let text = ''
    for await (const piece of client) text += piece
    expect([text, client.hello, server.mine]).toEqual(['mine', 'hello', true])
    server.close()

    const call = modules.net.Server as unknown as () => net.Server
    const plain = call()
    plain.listen(81, '10.0.0.1')
    await event(plain, 'listening')
    plain.close()
  })

  test('process stack, scope, and the host inside a scope', async () => {
    const [a, b] = [fake(), fake()]
    setProcessStack(a)
    const onA = await serve(HOST, 8080, '127.0.0.1', 'a')
    const onB = await serve(bindNode(b), 8080, '127.0.0.1', 'b')
    const onHost = await runInStack(null, () => serve(HOST, 0, '127.0.0.1', 'host'))
    const { port } = onHost.address() as AddressInfo
    expect(await ask(HOST, 8080, '127.0.0.1')).toBe('a')
    expect(await runInStack(b, () => ask(HOST, 8080, '127.0.0.1'))).toBe('b')
    expect(await runInStack(null, () => ask(HOST, port, '127.0.0.1'))).toBe('host')
    // What a scope starts later is in it too.
    const later = await runInStack(b, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return ask(HOST, 8080, '127.0.0.1')
    })
    expect(later).toBe('b')
    for (const server of [onA, onB, onHost]) server.close()
  })

  test('os.networkInterfaces() shows the stack of the process, and the host’s elsewhere', () => {
    const native = os.networkInterfaces()
    setProcessStack(fake())
    expect(Object.keys(os.networkInterfaces())).toEqual(['lo'])
    expect(os.networkInterfaces().lo?.[0]).toEqual({
      address: '127.0.0.1',
      netmask: '255.0.0.0',
      family: 'IPv4',
      mac: '00:00:00:00:00:00',
      internal: true,
      cidr: '127.0.0.1/8',
    })
    expect(runInStack(null, () => os.networkInterfaces())).toEqual(native)
  })

  test('localhost is the stack’s own, to connect and to listen', async () => {
    const modules = bindNode(fake())
    const server = await serve(modules, 80, 'localhost', 'mine')
    expect((server.address() as AddressInfo).address).toBe('127.0.0.1')
    expect(await ask(modules, 80, 'localhost')).toBe('mine')
    const { address } = await modules.dns.promises.lookup('localhost')
    expect(address).toBe('127.0.0.1')
    expect(await modules.dns.promises.lookup('192.0.2.7')).toEqual({ address: '192.0.2.7', family: 4 })
    server.close()
  })

  test('an inherited descriptor and a Unix-domain socket stay the host’s', async () => {
    const stack = fake()
    const path = `${os.tmpdir()}/ioth-node-${process.pid}.sock`
    const modules = bindNode(stack)
    const server = modules.net.createServer((socket) => socket.end('unix'))
    server.listen(path)
    await event(server, 'listening')
    const socket = modules.net.connect(path)
    let text = ''
    for await (const piece of socket) text += piece
    expect(text).toBe('unix')
    server.close()
  })
})
