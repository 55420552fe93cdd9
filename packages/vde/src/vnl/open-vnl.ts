/**
 * Opens a virtual network locator: the module's name tells who makes the link.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defaultPool, defaultScheduler, type FramePool, hasCode, type Link, type Scheduler } from '@ioth/core'
import { defaultNetworkDirectory } from '../default-network/directory.ts'
import { openDefaultNetwork } from '../default-network/open.ts'
import { openStreamPlug } from '../plug/stream-plug.ts'
import { openVdePlug } from '../plug/vde-plug.ts'
import type { PortInfo } from '../stream/control.ts'
import { askPorts, askWho } from '../stream/control-client.ts'
import { IMPAIRMENT_NAMES } from '../wire/impairment.ts'
import { openCommand } from './cmd-link.ts'
import { openHub } from './hub-link.ts'
import { openImpaired } from './impair-link.ts'
import { openByLibVdeplug } from './libvdeplug-link.ts'
import { lookAt } from './look-at.ts'
import { openNull } from './null-link.ts'
import { parseVnl, type Vnl } from './parse-vnl.ts'
import { openQemu } from './qemu-link.ts'
import {
  checkSwitchDirectory,
  findSwitch,
  isCode,
  makeSwitchDirectory,
  networkError,
  streamSocketPath,
} from './switch-directory.ts'
import { openTap } from './tap-link.ts'
import { openUdp } from './udp-link.ts'
import { openWs } from './ws-link.ts'

export interface OpenVnlOptions {
  /** How others see the plug, as in `ioth ps`. @default the program's file name */
  readonly name?: string
  /** Largest IP packet, in octets. @default 1500 */
  readonly mtu?: number
  /** Octets that may wait for a switch to read them; then `send` takes fewer. @default 1048576 */
  readonly queueOctets?: number
  /** @default the thread's own */
  readonly scheduler?: Scheduler
  /** @default the thread's own */
  readonly pool?: FramePool
}

type Setup = Required<OpenVnlOptions>
type Module = (vnl: Vnl, setup: Setup) => Promise<Link>

/** How often the default network is joined, for it may end just then. */
const DEFAULT_NETWORK_TRIES = 3
/** Octets of a file that may hold a locator. */
const LONGEST_POINTER = 4_096n
/** How long a switch may take to list its ports, in milliseconds. */
const PATIENCE_MS = 5_000

const modules: Readonly<Record<string, Module>> = {
  vde: openVde,
  default: async (_vnl, setup) => {
    const dir = defaultNetworkDirectory()
    const revive = async (): Promise<void> => void (await openDefaultNetwork({ hold: false }))
    for (let tried = 1; ; tried++) {
      makeSwitchDirectory(dir, true)
      try {
        // Mostly it is there.
        return await openStreamPlug(dir, dir, { ...setup, revive })
      } catch (error) {
        if (tried === DEFAULT_NETWORK_TRIES || !hasCode(error, 'ERR_IOTH_NETWORK')) throw error
      }
      await openDefaultNetwork()
    }
  },
  stream: ({ address, text }, setup) => openStreamPlug(resolve(address), text, setup),
  null: async (vnl, setup) => openNull(vnl.text, setup.mtu),
  tap: (vnl, setup) => openTap('tap', vnl.address, vnl.text, setup),
  tun: (vnl, setup) => openTap('tun', vnl.address, vnl.text, setup),
  hub: (vnl, setup) => openHub('hub', vnl.address, vnl.text, setup),
  switch: (vnl, setup) => openHub('switch', vnl.address, vnl.text, setup),
  udp: ({ address, text }, setup) => openUdp(address, text, setup),
  cmd: ({ address, text }, setup) => openCommand(address, text, setup),
  qemu: ({ address, options, text }, setup) => openQemu(address, options.has('listen'), text, setup),
  passt: ({ address, options, text }, setup) => openQemu(address, options.has('listen'), text, setup),
  ws: openWs,
  impair: async ({ nested, options, text }, setup) => {
    if (nested === null) throw networkError(`"${text}": there is no network in braces: impair://{/tmp/lan}/loss=5%`)
    return openImpaired(await openParsed(nested, setup), options, text, setup)
  },
}

/**
 * The switch of a directory: by our fast plug where it has one, else, and with any of the options of VDE, by the VDE protocol.
 */
async function openVde({ address, options, text }: Vnl, setup: Setup): Promise<Link> {
  const dir = resolve(address)
  const port = options.get('') ?? options.get('port') ?? options.get('portgroup')
  const group = options.get('group')
  const mode = options.get('mode')
  if (mode !== undefined && !/^[0-7]{1,4}$/.test(mode)) {
    throw networkError(`"${text}": mode is an octal number such as 0770, not "${mode}"`)
  }
  const kind = findSwitch(dir, group !== undefined)
  const isNumber = port !== undefined && /^\d+$/.test(port)
  const isOurs = group === undefined && mode === undefined && !options.has('ctl') && (port === undefined || isNumber)
  if (kind === 'stream' && isOurs) {
    return openStreamPlug(dir, text, { ...setup, ...(Number(port) > 0 ? { port: Number(port) } : {}) })
  }
  return openVdePlug(dir, text, {
    ...setup,
    description: setup.name,
    ...(port === undefined ? {} : { port }),
    ...(group === undefined ? {} : { group }),
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
  })
}

/** The options of those that have any; an option without a name is the first of vdeplug's. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  vde: ['', 'port', 'portgroup', 'group', 'mode', 'ctl'],
  qemu: ['listen'],
  passt: ['listen'],
  impair: IMPAIRMENT_NAMES,
  ws: ['token', '?token'],
}
/** Modules that take a network in braces. */
const NESTING: readonly string[] = ['impair']

/** The modules there are. */
export const VNL_MODULES: readonly string[] = Object.keys(modules)

/**
 * Opens a network by its locator, and settles when the link is up.
 * @param vnl a switch's directory, `vde://DIRECTORY`, `tap://NAME`, … (docs/vde.md has them all), or nothing for the user's default network.
 * @throws NetError ERR_IOTH_NETWORK with what is wrong and the next command; ERR_IOTH_PROTOCOL when something else answers there.
 */
export async function openVnl(vnl: string, options: OpenVnlOptions = {}): Promise<Link> {
  return await openParsed(pointedTo(parseVnl(vnl)), {
    name: options.name ?? programName(),
    mtu: options.mtu ?? 1500,
    queueOctets: options.queueOctets ?? 1_048_576,
    scheduler: options.scheduler ?? defaultScheduler(),
    pool: options.pool ?? defaultPool(),
  })
}

async function openParsed(vnl: Vnl, setup: Setup): Promise<Link> {
  const open = Object.hasOwn(modules, vnl.module) ? modules[vnl.module] : undefined
  if (open === undefined) return await openByLibVdeplug(vnl.module, vnl.text, setup)
  refuseOptions(vnl, OPTIONS[vnl.module] ?? [])
  return await open(vnl, setup)
}

/** A bare path may be that of a file with a locator on its first line, as in vdeplug4. */
function pointedTo(vnl: Vnl): Vnl {
  if (vnl.module !== 'vde' || vnl.text.includes('://')) return vnl
  let line: string
  try {
    const found = lookAt(vnl.address)
    if (found === undefined || !found.isFile() || found.size > LONGEST_POINTER) return vnl
    line = readFileSync(vnl.address, 'utf8').split('\n', 1)[0]?.trim() ?? ''
  } catch {
    // What is wrong with the path is told when it is opened.
    return vnl
  }
  return line.includes('://') ? parseVnl(line) : vnl
}

/** The directory of the switch that a locator means. @throws NetError ERR_IOTH_NETWORK when it means none. */
export function switchDirectory(vnl: string): string {
  const parsed = parseVnl(vnl)
  if (parsed.module === 'default') return defaultNetworkDirectory()
  if (parsed.module === 'vde') return resolve(parsed.address)
  throw networkError(`${vnl} has no switch that could be asked. Name a switch's directory: ioth ps -f DIR`)
}

/**
 * Who is on a network, for `ioth ps`. On the default network that is nobody while its switch does not run.
 * @throws NetError ERR_IOTH_NETWORK when no switch answers.
 */
export async function listPorts(vnl: string): Promise<PortInfo[]> {
  const parsed = parseVnl(vnl)
  if (parsed.module === 'default') {
    const dir = defaultNetworkDirectory()
    const answer = await askWho(streamSocketPath(dir), PATIENCE_MS)
    if (answer.kind === 'nobody' && !isCode(answer.error, 'EACCES')) return []
    return await askPorts(dir, PATIENCE_MS)
  }
  if (parsed.module !== 'vde') {
    throw networkError(`${vnl} has no switch that could be asked. Name a switch's directory: ioth ps -f DIR`)
  }
  const dir = resolve(parsed.address)
  checkSwitchDirectory(dir)
  return await askPorts(dir, PATIENCE_MS)
}

function refuseOptions({ text, module, options, nested }: Vnl, known: readonly string[]): void {
  for (const name of options.keys()) {
    if (!known.includes(name)) throw networkError(`"${text}": there is no option "${name}" here`)
  }
  if (nested !== null && !NESTING.includes(module)) {
    throw networkError(`"${text}": ${module}:// takes no network in braces`)
  }
}

function programName(): string {
  const script = process.argv[1]
  return script === undefined ? 'node' : (script.split(/[\\/]/).pop() as string)
}
