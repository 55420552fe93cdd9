/**
 * The manifest is honest: what is promised works, what is not throws or behaves as the manifest says. Nothing is a silent no-op.
 *
 * @module
 */
import { ANY_V4, FAILED, hasCode, type OptionName, parseIpAddress, type UdpSocket, WOULD_BLOCK } from '@ioth/core'
import { expect } from 'vitest'
import type { Suite } from '../suite.ts'
import { expectRejection, expectThrow } from './expect-code.ts'

/** Values that every implementation of an option takes. */
const TCP_OPTIONS: Readonly<Partial<Record<OptionName, readonly number[]>>> = {
  noDelay: [1, 0],
  keepAlive: [1, 0],
  keepAliveDelay: [60, 7200],
  ttl: [1, 255],
  userTimeout: [5000, 0],
  trafficClass: [0x10, 0],
}
const UDP_OPTIONS: Readonly<Partial<Record<OptionName, readonly number[]>>> = {
  broadcast: [1, 0],
  ttl: [1, 255],
  multicastTtl: [0, 255],
  multicastLoop: [0, 1],
  multicastInterface: [0],
  trafficClass: [0x10, 0],
}

export function capabilities(suite: Suite): void {
  const { capabilities: manifest, subject } = suite

  suite.plainTest('the manifest is frozen', () => {
    expect(Object.isFrozen(subject.backend.capabilities)).toBe(true)
    expect(Object.isFrozen(subject.backend.capabilities.limits)).toBe(true)
  })

  if (manifest.ipv6) {
    suite.test('IPv6 sockets can be opened', ({ a }) => {
      a.stack.openTcp(6).close()
    })
  } else {
    suite.test('no IPv6: EAFNOSUPPORT', ({ a }) => {
      expectThrow(() => a.stack.openTcp(6), 'EAFNOSUPPORT')
      if (manifest.udp !== 'none') expectThrow(() => a.stack.openUdp(6), 'EAFNOSUPPORT')
      const socket = a.stack.openTcp(4)
      expectThrow(() => socket.connect(parseIpAddress('fc00::1'), 80), 'EAFNOSUPPORT')
      socket.close()
    })
  }

  if (manifest.udp === 'none') {
    suite.test('no UDP: ERR_IOTH_NOT_IMPLEMENTED', ({ a }) => {
      expectThrow(() => a.stack.openUdp(4), 'ERR_IOTH_NOT_IMPLEMENTED')
    })
  } else {
    suite.test('UDP sockets can be opened', ({ a }) => {
      a.stack.openUdp(4).close()
    })
    suite.test('UDP options work or say that they do not', ({ a }) => {
      const socket = a.stack.openUdp(4)
      for (const [name, values] of Object.entries(UDP_OPTIONS)) checkOption(socket, name as OptionName, values)
      socket.close()
    })
    suite.test('a multicast group can be joined iff the manifest says so', ({ a }) => {
      const socket = a.stack.openUdp(4)
      socket.bind(ANY_V4, 5353)
      const group = parseIpAddress('224.0.0.251')
      if (manifest.multicast) {
        socket.join(group, null)
        socket.leave(group, null)
        expectThrow(() => socket.leave(group, null), 'EADDRNOTAVAIL')
      } else {
        expectThrow(() => socket.join(group, null), 'ERR_IOTH_NOT_IMPLEMENTED')
        expectThrow(() => socket.leave(group, null), 'ERR_IOTH_NOT_IMPLEMENTED')
      }
      socket.close()
    })
    suite.test('the largest datagram: one octet more is EMSGSIZE', ({ a, b }) => {
      const socket = a.stack.openUdp(4)
      const { maxDatagram } = manifest.limits
      const octets = new Uint8Array(maxDatagram + 1)
      socket.connect(b.address, 9)
      expect(socket.send(octets, 0, maxDatagram, null, 0)).toBe(maxDatagram)
      expect(socket.send(octets, 0, maxDatagram + 1, null, 0)).toBe(FAILED)
      expect(socket.error?.code).toBe('EMSGSIZE')
      socket.close()
    })
    if (manifest.udp === 'connected') {
      suite.test('the UDP sockets speak to one peer: a destination is ERR_IOTH_NOT_IMPLEMENTED', ({ a, b }) => {
        const socket = a.stack.openUdp(4)
        expectThrow(() => socket.send(new Uint8Array(1), 0, 1, b.address, 9), 'ERR_IOTH_NOT_IMPLEMENTED')
        socket.close()
      })
    }
  }

  suite.test('TCP options work or say that they do not', ({ a }) => {
    const socket = a.stack.openTcp(4)
    for (const [name, values] of Object.entries(TCP_OPTIONS)) checkOption(socket, name as OptionName, values)
    expect(canSet(socket, 'noDelay'), 'noDelay as in the manifest').toBe(manifest.noDelay)
    for (const name of ['ttl', 'keepAliveDelay'] as const) {
      if (!canSet(socket, name)) continue
      expectThrow(() => socket.setOption(name, -1), 'EINVAL')
    }
    socket.close()
  })

  suite.test('options that make no sense for TCP are refused', ({ a }) => {
    const socket = a.stack.openTcp(4)
    for (const name of ['broadcast', 'multicastTtl', 'multicastLoop', 'multicastInterface'] as const) {
      expect(() => socket.setOption(name, 1), name).toThrow()
      expect(() => socket.getOption(name), name).toThrow()
    }
    socket.close()
  })

  if (!manifest.ping) {
    suite.test('no ping: ERR_IOTH_NOT_IMPLEMENTED', async ({ lan, a, b }) => {
      await expectRejection(lan.settled(a.stack.ping(b.address)), 'ERR_IOTH_NOT_IMPLEMENTED')
    })
  }

  suite.test(
    'the limit of sockets: EMFILE, and closing one makes room',
    async ({ lan, a }) => {
      const sockets = Array.from({ length: 8 }, () => a.stack.openTcp(4))
      expectThrow(() => a.stack.openTcp(4), 'EMFILE')
      if (manifest.udp !== 'none') expectThrow(() => a.stack.openUdp(4), 'EMFILE')
      sockets[0]?.close()
      await lan.wait(1)
      sockets.push(a.stack.openTcp(4))
      for (const socket of sockets) socket.close()
    },
    { limits: { sockets: 8 } },
  )

  suite.test(
    'the limit of the send buffer holds',
    async ({ lan, a, b }) => {
      const listening = b.stack.openTcp(4)
      listening.bind(b.address, 80)
      listening.listen(1)
      const socket = a.stack.openTcp(4)
      socket.connect(b.address, 80)
      await lan.until(
        () => socket.state === 'ESTABLISHED',
        10_000,
        () => socket.state,
      )
      const octets = new Uint8Array(100_000)
      const first = socket.write(octets, 0, octets.length)
      expect(first).toBeGreaterThan(0)
      expect(first).toBeLessThanOrEqual(20_000)
      expect(socket.bytesQueued).toBe(first)
      expect(socket.write(octets, 0, octets.length)).toBe(WOULD_BLOCK)
      socket.reset()
    },
    { limits: { sendBuffer: 20_000 } },
  )
}

interface WithOptions {
  setOption(name: OptionName, value: number): void
  getOption(name: OptionName): number
}

function canSet(socket: WithOptions, name: OptionName): boolean {
  try {
    socket.setOption(name, socket.getOption(name))
    return true
  } catch (error) {
    if (hasCode(error, 'ERR_IOTH_NOT_IMPLEMENTED')) return false
    throw error
  }
}

/** An option that can be set can be read back; one that cannot throws both ways. */
function checkOption(socket: WithOptions | UdpSocket, name: OptionName, values: readonly number[]): void {
  if (!canSet(socket, name)) {
    expectThrow(() => socket.getOption(name), 'ERR_IOTH_NOT_IMPLEMENTED')
    expectThrow(() => socket.setOption(name, values[0] as number), 'ERR_IOTH_NOT_IMPLEMENTED')
    return
  }
  for (const value of values) {
    socket.setOption(name, value)
    expect(socket.getOption(name), `${name} set to ${value}`).toBe(value)
  }
}
