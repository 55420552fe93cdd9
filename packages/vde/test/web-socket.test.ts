/**
 * WebSockets on a switch: who may come in, and frames both ways.
 *
 * @module
 */
import { join } from 'node:path'
import { FULL_OFFLOAD } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createSwitch, openVnl, type Switch } from '../src/index.ts'
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

async function served(origins: string[] = []): Promise<{ dir: string; running: Switch; url: string }> {
  const dir = join(scratch(), 'lan')
  const running = await createSwitch({ dir })
  afterTest(() => running.close())
  return { dir, running, url: await running.serveWebSockets({ port: 0, origins }) }
}

/** What becomes of an attempt: `open`, or what the server answers. */
function attempt(url: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers })
    socket.on('open', () => {
      socket.terminate()
      resolve('open')
    })
    socket.on('error', (error) => resolve(error.message))
  })
}

describe('WebSockets', () => {
  test('frames both ways, up to what the switch carries; super-segments are cut', async () => {
    const { dir, running, url } = await served()
    const tab = new Taker(await openVnl(url, { mtu: 9000, name: 'tab' }))
    const other = new Taker(await openVnl(dir, { mtu: 9000 }), FULL_OFFLOAD)
    expect(running.ports().map(({ name }) => name)).toContain('tab')
    send(tab.link, [frame(BROADCAST, mac(1), 'from the tab'), frame(BROADCAST, mac(1), 'big', 9014)])
    expect((await other.take(2)).map((bytes) => [textOf(bytes), bytes.length])).toEqual([
      ['from the tab', 60],
      ['big', 9014],
    ])
    send(other.link, [frame(mac(1), mac(2), 'to the tab'), frame(mac(1), mac(2), 'big', 9014)])
    expect((await tab.take(2)).map(textOf)).toEqual(['to the tab', 'big'])
    send(other.link, [superSegment(mac(1), mac(2), 3 * 1448)], SUPER, 1448, 34)
    expect((await tab.take(3)).map(({ length }) => length)).toEqual([1502, 1502, 1502])
  })

  test('who may come in', async () => {
    const { running, url } = await served(['https://lab.example.org'])
    expect(await attempt(url)).toBe('open')
    expect(await attempt(url, { origin: 'http://localhost:3000' })).toBe('open')
    expect(await attempt(url, { origin: 'https://lab.example.org' })).toBe('open')
    expect(await attempt(url, { origin: 'https://evil.example.org' })).toMatch(/403/)
    expect(await attempt(url, { origin: 'http://localhost.evil.example.org' })).toMatch(/403/)
    expect(await attempt(url, { origin: 'null' })).toMatch(/403/)
    expect(await attempt(url, { host: 'evil.example.org:80' })).toMatch(/403/)
    expect(await attempt(url.replace(/token=.*/, ''))).toMatch(/401/)
    expect(await attempt(`${url}x`)).toMatch(/401/)
    expect(await attempt(url.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).toMatch(/401/)
    expect(running.counters()).toMatchObject({ 'refused.ws-token': 3, 'refused.ws-origin': 3, 'refused.ws-host': 1 })
    await expect(openVnl(url.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).rejects.toThrow(/is the token right/)
    await expect(openVnl('ws://127.0.0.1:1')).rejects.toThrow(/needs a host and a token.*ioth switch --ws/)
  })

  test('on loopback only, and with a token worth the name', async () => {
    const running = await createSwitch({ dir: join(scratch(), 'lan') })
    afterTest(() => running.close())
    await expect(running.serveWebSockets({ port: 0, host: '0.0.0.0' })).rejects.toThrow(/loopback only.*ssh -L/)
    await expect(running.serveWebSockets({ port: 0, token: 'short' })).rejects.toThrow(/at least 16/)
  })

  test('text and crumbs are counted, a frame that is too long ends it, and others stay', async () => {
    const { dir, running, url } = await served()
    const other = new Taker(await openVnl(dir))
    const socket = new WebSocket(url)
    await new Promise((resolve) => socket.on('open', resolve))
    const closed = new Promise<number>((resolve) => socket.on('close', resolve))
    socket.send('hello')
    socket.send(Buffer.of(1, 2, 3))
    await until(() => running.counters()['drop.in.malformed'] === 2)
    socket.send(Buffer.alloc(20_000))
    expect(await closed).toBe(1009)
    await until(() => running.ports().length === 1)
    expect(other.states).toEqual([])
  })

  test('a plug comes back when the switch does', async () => {
    const { dir, running, url } = await served()
    const tab = new Taker(await openVnl(url))
    await running.close()
    await until(() => tab.states.includes('lost'))
    const again = await createSwitch({ dir })
    afterTest(() => again.close())
    const { port, searchParams } = new URL(url)
    await again.serveWebSockets({ port: Number(port), token: searchParams.get('token') as string })
    await until(() => tab.states.at(-1) === 'up')
    const other = new Taker(await openVnl(dir))
    send(tab.link, [frame(BROADCAST, mac(1), 'again')])
    expect((await other.take(1)).map(textOf)).toEqual(['again'])
  })
})
