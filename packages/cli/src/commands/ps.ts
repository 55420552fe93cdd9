/**
 * `ioth ps`: who is on a network, as its switch sees it.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { networkOf, type StackConfig } from '@ioth/core'
import { listPorts } from '@ioth/vde'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { formatTable } from '../output.ts'

export async function ps(options: { readonly json?: boolean }, { filename, device }: NetworkSettings): Promise<void> {
  const config: StackConfig = {
    ...(filename === undefined ? {} : { vnl: filename }),
    ...(device === undefined ? {} : { device }),
  }
  const ports = await listPorts(networkOf(config, existsSync) ?? '').catch((error: unknown) => {
    throw explainNetwork(error)
  })
  if (options.json === true) {
    console.log(JSON.stringify(ports, null, 2))
    return
  }
  const rows = ports.map(({ port, name, pid, addresses, upMs, counters }) => [
    String(port),
    name,
    String(pid),
    addresses.map(({ address }) => address).join(' ') || '-',
    addresses[0]?.mac ?? '-',
    String(counters['in.frames'] ?? 0),
    String(counters['out.frames'] ?? 0),
    duration(upMs),
  ])
  process.stdout.write(formatTable(['PORT', 'NAME', 'PID', 'ADDRESSES', 'MAC', 'SENT', 'RECEIVED', 'UP'], rows))
}

/** 45s, 12m, 3h, 2d. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}
