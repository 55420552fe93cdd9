import { beforeEach, describe, expect, test } from 'vitest'
import {
  createCapabilities,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type InterfaceOptions,
  type Link,
  type LinkState,
  NO_OFFLOAD,
  parseIpAddress,
  type VirtualScheduler,
} from '../index.ts'
import { BareEngine, createShellStack, type ListenLine, type ShellStack, type TcpLine } from '../shell.ts'

/** It can do what it must, and nothing comes of it. */
class IdleEngine extends BareEngine {
  override connect(): TcpLine {
    throw new Error('nobody asks for it here')
  }

  override listen(): ListenLine {
    return { resume() {}, set() {}, close() {} }
  }
}

const NOT_IMPLEMENTED = expect.objectContaining({ code: 'ERR_IOTH_NOT_IMPLEMENTED' })

describe('an engine that adds nothing', () => {
  const pool = createFramePool()
  let scheduler: VirtualScheduler
  let link: Link
  let far: LinkState[]
  let engine: IdleEngine

  beforeEach(() => {
    scheduler = createVirtualScheduler()
    const [near, other] = createPipe({ scheduler, pool })
    link = near
    far = []
    const changed = (state: LinkState): void => void far.push(state)
    other.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed })
  })

  async function create(options: Omit<InterfaceOptions, 'link'> = { addresses: ['10.0.0.1/24'] }): Promise<ShellStack> {
    return await createShellStack({
      backend: 'idle',
      capabilities: createCapabilities({ virtualTime: true }),
      stack: { scheduler, pool, interfaces: [{ link, ...options }] },
      engine: (shell) => {
        engine = new IdleEngine(shell)
        return engine
      },
    })
  }

  test('has its addresses, a hardware address, and connections to itself', async () => {
    const stack = await create()
    const [on] = stack.interfaces
    expect(on).toMatchObject({ name: 'eth0', mtu: link.mtu, mac: expect.stringMatching(/^([0-9a-f]{2}:){5}/) })
    expect(`${stack.sourceFor(parseIpAddress('10.0.0.9'))}`).toBe('10.0.0.1')
    const listening = stack.openTcp(4)
    listening.bind(parseIpAddress('10.0.0.1'), 80)
    const listener = listening.listen(1)
    const client = stack.openTcp(4)
    client.connect(parseIpAddress('10.0.0.1'), 80)
    await scheduler.settle(1000)
    expect(client.state).toBe('ESTABLISHED')
    expect(listener.accept()?.remotePort).toBe(client.localPort)
  })

  test('refuses what it does not have', async () => {
    const stack = await create()
    const [on] = stack.interfaces
    if (on === undefined) throw new Error('no interface')
    const route = { destination: parseIpAddress('192.0.2.0'), prefixLength: 24, via: null, interface: on }
    expect(() => stack.openUdp(4)).toThrow(NOT_IMPLEMENTED)
    expect(() => stack.routes.add(route)).toThrow(NOT_IMPLEMENTED)
    expect([...stack.routes.list()]).toHaveLength(1)
    expect(() =>
      stack.neighbors.add({ address: route.destination, mac: on.mac, state: 'permanent', interface: on }),
    ).toThrow(NOT_IMPLEMENTED)
    await expect(stack.ping(route.destination)).rejects.toThrow(NOT_IMPLEMENTED)
  })

  test.each([{ dhcp: true }, { slaac: true }])('refuses %o, and the link is not its own then', async (wish) => {
    await expect(create(wish)).rejects.toThrow(NOT_IMPLEMENTED)
    await scheduler.settle(1000)
    expect(far).toEqual([])
  })

  test('refuses a locator', async () => {
    const stack = await create()
    await expect(stack.addInterface({ link: { vnl: 'vde:///tmp/lan' } })).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test.each([
    ['its interface is removed', async (stack: ShellStack) => stack.interfaces[0]?.remove()],
    ['it is closed', async (stack: ShellStack) => stack.close()],
  ])('closes its link when %s', async (_when, end) => {
    const stack = await create()
    await Promise.all([end(stack), scheduler.settle(1000)])
    expect(link.state).toBe('closed')
    expect(far).toEqual(['lost'])
  })

  test('does in the next job what is to be done soon, in order, and what is added meanwhile in the one after', async () => {
    await create()
    const done: string[] = []
    engine.soon(() => {
      done.push('first')
      engine.soon(() => done.push('third'))
    })
    engine.soon(() => done.push('second'))
    expect(done).toEqual([])
    await scheduler.settle(1000)
    expect(done).toEqual(['first', 'second', 'third'])
  })
})

test('a manifest claims what it says, and nothing else', () => {
  const manifest = createCapabilities({ ipv6: true, limits: { sockets: 7 } })
  expect(manifest).toMatchObject({ ipv6: true, udp: 'none', multicast: false, limits: { sockets: 7 } })
  expect(Object.isFrozen(manifest) && Object.isFrozen(manifest.limits)).toBe(true)
})
