/**
 * The module `udp://[ADDRESS:]PORT->HOST:PORT`: frames as UDP datagrams between two hosts, one in each. Nothing is encrypted, and
 * datagrams of anybody but the other side are not heard.
 *
 * @module
 */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { readSync } from 'node:fs'
import { isIP } from 'node:net'
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { CarrierLink } from '../plug/carrier-link.ts'
import { isCode, networkError } from './switch-directory.ts'

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

export interface UdpEnds {
  readonly localAddress: string | undefined
  readonly localPort: number
  readonly remoteHost: string
  readonly remotePort: number
}

/** Datagrams on their way to the kernel at most; what comes beyond is held back by `send`. */
const MOST_UNDER_WAY = 512
const BUFFER_OCTETS = 4_194_304
const LONGEST_DATAGRAM = 65_536

/** `[ADDRESS:]PORT->HOST:PORT`; IPv6 addresses in brackets. @throws NetError ERR_IOTH_NETWORK */
export function parseUdpEnds(address: string, text: string): UdpEnds {
  const ends = /^(?:(\[[^\]]+\]|[^:[\]]*):)?(\d{1,5})->(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/.exec(address)
  const [, local, localPort, remote, remotePort] = ends ?? []
  const isPort = (port: string | undefined): boolean => Number(port) >= 1 && Number(port) <= 65_535
  if (remote === undefined || !isPort(localPort) || !isPort(remotePort)) {
    throw networkError(
      `"${text}": a UDP network is PORT->HOST:PORT, where both sides name each other: udp://10000->192.0.2.2:10000`,
    )
  }
  const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')
  return {
    localAddress: local === undefined || local === '' ? undefined : bare(local),
    localPort: Number(localPort),
    remoteHost: bare(remote),
    remotePort: Number(remotePort),
  }
}

/** @throws NetError ERR_IOTH_NETWORK */
export async function openUdp(address: string, text: string, setup: Setup): Promise<Link> {
  const ends = parseUdpEnds(address, text)
  const remote = await resolveHost(ends.remoteHost, text)
  const socket = createSocket({ type: remote.family === 6 ? 'udp6' : 'udp4' })
  try {
    await bind(socket, ends)
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      // Joined: nobody else is heard, and nobody there yet is no reason to end.
      socket.connect(ends.remotePort, remote.address, () => resolve())
    })
  } catch (error) {
    socket.close()
    const why = isCode(error, 'EADDRINUSE')
      ? `port ${ends.localPort} is in use. Choose another`
      : `${(error as Error).message}. See the addresses of this host: ip addr`
    throw networkError(`"${text}": ${why}`, error)
  }
  socket.removeAllListeners('error').on('error', () => {})
  socket.unref()
  growBuffers(socket)
  return carry(new CarrierLink({ ...setup, name: text }), socket)
}

function carry(link: CarrierLink, socket: Socket): Link {
  let underWay = 0
  const finished = (): void => {
    underWay--
    if (underWay <= MOST_UNDER_WAY / 2) link.drained()
  }
  socket.on('message', (message) => link.arrived(message, 0, message.length))
  let into: Buffer | null = null
  return link.ride({
    send(octets, ends) {
      let from = 0
      for (const end of ends) {
        underWay++
        const start = from
        socket.send(octets, start, end - start, (error) => {
          // The kernel tells here that nobody heard an earlier one, and has not sent this one: so it is sent again, once.
          if (isCode(error, 'ECONNREFUSED')) socket.send(octets, start, end - start, finished)
          else finished()
        })
        from = end
      }
    },
    ready: () => underWay < MOST_UNDER_WAY,
    flush: () => underWay === 0,
    receiveNow: () => {
      // Callbacks do not come any more.
      underWay = socket.getSendQueueCount()
      into ??= Buffer.allocUnsafeSlow(LONGEST_DATAGRAM)
      const length = readNow(socket, into)
      if (length > 0) link.arrived(into, 0, length)
      return length > 0
    },
    close: () => socket.close(),
  })
}

function bind(socket: Socket, { localAddress, localPort }: UdpEnds): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    const options = localAddress === undefined ? { port: localPort } : { port: localPort, address: localAddress }
    socket.bind(options, () => resolve())
  })
}

async function resolveHost(host: string, text: string): Promise<{ address: string; family: number }> {
  const family = isIP(host)
  if (family !== 0) return { address: host, family }
  try {
    return await lookup(host)
  } catch (error) {
    throw networkError(`"${text}": there is no host "${host}" (${(error as NodeJS.ErrnoException).code})`, error)
  }
}

function growBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_OCTETS)
    socket.setSendBufferSize(BUFFER_OCTETS)
  } catch {
    // The host's limit is lower: bursts are lost sooner.
  }
}

/** Reads a datagram past the event loop. @returns 0 when there is none. */
function readNow(socket: Socket, into: Uint8Array): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state =
    symbol === undefined ? null : (socket as unknown as Record<symbol, { handle?: { fd?: number } }>)[symbol]
  try {
    return readSync(state?.handle?.fd ?? -1, into, 0, into.length, null)
  } catch {
    return 0
  }
}
