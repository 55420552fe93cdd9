/**
 * The commands of a switch's console: those of VDE 2 that make sense here, under their names, and some of our own.
 *
 * @module
 */
import { formatMac, parseMac } from '@ioth/core'
import type { PortInfo } from '../stream/control.ts'
import { Console, type ConsoleAnswer, type ConsoleCommand, ConsoleError } from './console.ts'
import type { Fabric } from './fabric.ts'
import type { Port } from './port.ts'
import { DEFAULT_VLAN, HIGHEST_VLAN } from './vlan.ts'

/** The console's socket in the switch's directory. */
export const CONSOLE_SOCKET = 'mgmt'

export interface ConsoleHooks {
  readonly dir: string
  describe(port: Port): PortInfo
  counters(): Readonly<Record<string, number>>
  /** Ends a port's connection. */
  pull(port: Port): void
  shutDown(): void
}

const HIGHEST_PORT = 65_535

export function switchConsole(fabric: Fabric, hooks: ConsoleHooks): Console {
  const commands = [...general(fabric, hooks), ...ports(fabric, hooks), ...vlans(fabric), ...addresses(fabric)]
  return new Console(`VDE switch (ioth)\n${hooks.dir}`, 'vde', commands)
}

function general(fabric: Fabric, { dir, counters, shutDown }: ConsoleHooks): ConsoleCommand[] {
  return [
    {
      path: 'showinfo',
      syntax: '',
      help: 'the switch',
      run: () => {
        const value = {
          dir,
          pid: process.pid,
          hub: fabric.hub,
          ports: fabric.ports.length,
          macs: fabric.macs.size,
          stormFrames: fabric.stormLimit,
        }
        return { value, lines: Object.entries(value).map(([name, each]) => `${name} ${each}`) }
      },
    },
    {
      path: 'counters',
      syntax: '',
      help: 'what the switch and all its ports counted',
      run: () => {
        const value = counters()
        return { value, lines: Object.entries(value).map(([name, count]) => `${name} ${count}`) }
      },
    },
    {
      path: 'storm',
      syntax: 'N',
      help: 'frames for groups that a port may send in a second',
      run: ([frames = '']) => {
        fabric.stormLimit = number(frames, 1, Number.MAX_SAFE_INTEGER)
        return null
      },
    },
    {
      path: 'shutdown',
      syntax: '',
      help: 'stops the switch',
      run: () => {
        setImmediate(shutDown)
        return null
      },
    },
  ]
}

function ports(fabric: Fabric, { describe, pull }: ConsoleHooks): ConsoleCommand[] {
  const print = ([wanted]: readonly string[]): ConsoleAnswer => {
    const one = wanted === undefined ? null : portNumber(wanted)
    const shown = fabric.ports.filter(({ number }) => one === null || number === one)
    if (one !== null && shown.length === 0) throw new ConsoleError('ENXIO', `port ${one} has no plug`)
    const infos = [...shown]
      .sort((a, b) => a.number - b.number)
      .map((port) => ({ ...describe(port), ...vlansOf(fabric, port.number) }))
    return { value: infos, lines: infos.flatMap(portLines) }
  }
  return [
    { path: 'port/print', syntax: '[N]', help: 'the ports, or one', run: print },
    {
      path: 'port/sethub',
      syntax: '0/1',
      help: '1: every frame goes to every port; 0: a switch',
      run: ([on = '']) => {
        fabric.hub = number(on, 0, 1) === 1
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'port/setvlan',
      syntax: 'N VLAN',
      help: 'makes a port the access port of a VLAN (untagged)',
      run: ([port = '', vlan = '']) => {
        fabric.vlans.setUntagged(portNumber(port), knownVlan(fabric, vlan))
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'port/epclose',
      syntax: 'N [ID]',
      help: "pulls a port's plug",
      run: ([port = '']) => {
        const found = fabric.port(portNumber(port))
        if (found === undefined) throw new ConsoleError('ENXIO', `port ${port} has no plug`)
        pull(found)
        return null
      },
    },
    {
      path: 'port/resetcounter',
      syntax: '[N]',
      help: 'begins to count anew',
      run: ([port]) => {
        const one = port === undefined ? null : portNumber(port)
        for (const each of fabric.ports) {
          if (one !== null && each.number !== one) continue
          const { counters } = each
          for (const name of Object.keys(counters) as (keyof typeof counters)[]) counters[name] = 0
        }
        return null
      },
    },
  ]
}

function vlans(fabric: Fabric): ConsoleCommand[] {
  return [
    {
      path: 'vlan/create',
      syntax: 'VLAN',
      help: 'makes a VLAN',
      run: ([vlan = '']) => {
        const made = vlanNumber(vlan)
        if (fabric.vlans.created.has(made)) throw new ConsoleError('EEXIST')
        fabric.vlans.created.add(made)
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'vlan/remove',
      syntax: 'VLAN',
      help: 'takes a VLAN away',
      run: ([vlan = '']) => {
        fabric.vlans.remove(knownVlan(fabric, vlan))
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'vlan/addport',
      syntax: 'VLAN N',
      help: 'lets a port carry a VLAN with its tag (trunk)',
      run: ([vlan = '', port = '']) => {
        fabric.vlans.addTagged(portNumber(port), knownVlan(fabric, vlan))
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'vlan/delport',
      syntax: 'VLAN N',
      help: 'takes a port out of a VLAN with tags',
      run: ([vlan = '', port = '']) => {
        if (!fabric.vlans.removeTagged(portNumber(port), knownVlan(fabric, vlan))) throw new ConsoleError('ENXIO')
        fabric.vlansChanged()
        return null
      },
    },
    {
      path: 'vlan/print',
      syntax: '[VLAN]',
      help: 'the VLANs and their ports',
      run: ([wanted]) => {
        const all = [DEFAULT_VLAN, ...fabric.vlans.created].sort((a, b) => a - b)
        const shown = wanted === undefined ? all : [knownVlan(fabric, wanted)]
        const numbers = [...new Set([...fabric.vlans.set, ...fabric.ports.map(({ number: each }) => each)])].sort(
          (a, b) => a - b,
        )
        const value = shown.map((vlan) => ({
          vlan,
          untagged: numbers.filter((port) => fabric.vlans.of(port).untagged === vlan),
          tagged: numbers.filter((port) => fabric.vlans.of(port).tagged.has(vlan)),
        }))
        const line = (vlan: number, port: number, tagged: number): string =>
          ` -- Port ${String(port).padStart(4, '0')} tagged=${tagged} vlan=${String(vlan).padStart(4, '0')}`
        return {
          value,
          lines: value.flatMap(({ vlan, untagged, tagged }) => [
            `VLAN ${String(vlan).padStart(4, '0')}`,
            ...untagged.map((port) => line(vlan, port, 0)),
            ...tagged.map((port) => line(vlan, port, 1)),
          ]),
        }
      },
    },
  ]
}

function addresses(fabric: Fabric): ConsoleCommand[] {
  const entries = (): { mac: string; vlan: number; port: number; ageSeconds: number }[] =>
    Array.from(fabric.macs.list(), ({ high, low, port, seen }) => ({
      mac: macText(high & 0xffff, low),
      vlan: high >>> 16,
      port,
      ageSeconds: fabric.tick - seen,
    }))
  const answer = (value: ReturnType<typeof entries>): ConsoleAnswer => ({
    value,
    lines: value.map(
      ({ mac, vlan, port, ageSeconds }) =>
        `Addr: ${mac} VLAN ${String(vlan).padStart(4, '0')} to port: ${String(port).padStart(3, '0')}  age ${ageSeconds} secs`,
    ),
  })
  return [
    { path: 'hash/print', syntax: '', help: 'the MAC addresses that were learnt', run: () => answer(entries()) },
    {
      path: 'hash/find',
      syntax: 'MAC [VLAN]',
      help: 'where a MAC address is',
      run: ([text = '', vlan]) => {
        let mac: string
        try {
          mac = formatMac(parseMac(text), 0)
        } catch {
          throw new ConsoleError('EINVAL', `${text} is no MAC address`)
        }
        const found = entries().filter((each) => each.mac === mac && (vlan === undefined || each.vlan === Number(vlan)))
        if (found.length === 0) throw new ConsoleError('ENOENT')
        return answer(found)
      },
    },
    {
      path: 'hash/showinfo',
      syntax: '',
      help: 'how many MAC addresses were learnt',
      run: () => ({ value: { macs: fabric.macs.size }, lines: [`Hash entries ${fabric.macs.size}`] }),
    },
  ]
}

function vlansOf(fabric: Fabric, port: number): { vlan: number; trunk: number[] } {
  if (!fabric.vlans.isUsed) return { vlan: 0, trunk: [] }
  const { untagged, tagged } = fabric.vlans.of(port)
  return { vlan: untagged, trunk: [...tagged].sort((a, b) => a - b) }
}

function portLines(info: PortInfo & { vlan: number; trunk: number[] }): string[] {
  const { counters } = info
  const drops = Object.entries(counters).filter(([name, count]) => name.startsWith('drop.') && count > 0)
  return [
    `Port ${String(info.port).padStart(4, '0')} untagged_vlan=${String(info.vlan).padStart(4, '0')}${info.trunk.length > 0 ? ` tagged=${info.trunk.join(',')}` : ''} ACTIVE`,
    ` IN:  pkts ${String(counters['in.frames'] ?? 0).padStart(10)}          bytes ${String(counters['in.octets'] ?? 0).padStart(20)}`,
    ` OUT: pkts ${String(counters['out.frames'] ?? 0).padStart(10)}          bytes ${String(counters['out.octets'] ?? 0).padStart(20)}`,
    ...drops.map(([name, count]) => ` ${name} ${count}`),
    `  -- ${info.name} pid=${info.pid}`,
  ]
}

function macText(high: number, low: number): string {
  const octets = Buffer.alloc(6)
  octets.writeUInt16BE(high)
  octets.writeInt32BE(low, 2)
  return formatMac(octets, 0)
}

function portNumber(text: string): number {
  return number(text, 0, HIGHEST_PORT)
}

function vlanNumber(text: string): number {
  return number(text, 1, HIGHEST_VLAN)
}

function knownVlan(fabric: Fabric, text: string): number {
  const vlan = vlanNumber(text)
  if (vlan === DEFAULT_VLAN || fabric.vlans.created.has(vlan)) return vlan
  throw new ConsoleError('ENXIO', `there is no VLAN ${vlan}: vlan/create ${vlan}`)
}

function number(text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && value >= least && value <= most) return value
  throw new ConsoleError('EINVAL', `"${text.slice(0, 20)}" is not a number from ${least} to ${most}`)
}
