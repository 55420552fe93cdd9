/**
 * Pings from the host, in the name of those behind a gateway. Without root: by the kernel's ICMP sockets, where `net.ipv4.ping_group_range`
 * lets this user have them, else by the host's `ping` command. As root: by raw sockets.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import type { IpAddress } from '@ioth/core'
import { openPingSockets } from './ping-sockets.ts'

/** What became of an echo request. */
export interface PingAnswer {
  readonly kind: 'reply' | 'time-exceeded' | 'unreachable'
  /** Who said so. */
  readonly from: IpAddress
}

export interface HostPing {
  /** For people: `icmp socket`, `raw socket`, `ping command`. */
  readonly way: string
  /** @returns null: no answer in time. */
  ping(to: IpAddress, data: Uint8Array, ttl: number): Promise<PingAnswer | null>
  close(): void
}

/** How long an answer may take, in milliseconds. */
export const PING_MS = 10_000
/** Processes of `ping` at a time. */
const MOST_COMMANDS = 16

/** @returns null: this host lets the user send no pings. */
export async function openHostPing(): Promise<HostPing | null> {
  const sockets = await openPingSockets()
  if (sockets !== null) return sockets
  return spawnSync('ping', ['-V'], { stdio: 'ignore' }).status === 0 ? new PingCommand() : null
}

/** How pings would go out; null: not at all. */
export async function hostPingWay(): Promise<string | null> {
  const ping = await openHostPing()
  ping?.close()
  return ping?.way ?? null
}

class PingCommand implements HostPing {
  readonly way = 'ping command'
  private readonly running = new Set<ReturnType<typeof spawn>>()

  async ping(to: IpAddress, data: Uint8Array, ttl: number): Promise<PingAnswer | null> {
    if (this.running.size >= MOST_COMMANDS) return null
    const words = [
      '-n',
      '-c',
      '1',
      '-W',
      String(PING_MS / 1000),
      '-s',
      String(data.length),
      '-t',
      String(ttl),
      String(to),
    ]
    const child = spawn('ping', words, { stdio: 'ignore' })
    this.running.add(child)
    return await new Promise((settle) => {
      child.once('error', () => settle(null))
      child.once('close', (code) => {
        this.running.delete(child)
        settle(code === 0 ? { kind: 'reply', from: to } : null)
      })
    })
  }

  close(): void {
    for (const child of this.running) child.kill()
  }
}
