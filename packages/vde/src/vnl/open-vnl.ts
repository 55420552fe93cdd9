/**
 * Opens a virtual network locator: the module's name tells who makes the link.
 *
 * @module
 */
import { resolve } from 'node:path'
import { defaultPool, defaultScheduler, type FramePool, hasCode, type Link, type Scheduler } from '@ioth/core'
import { defaultNetworkDirectory } from '../default-network/directory.ts'
import { openDefaultNetwork } from '../default-network/open.ts'
import { openStreamPlug } from '../plug/stream-plug.ts'
import { openVdePlug } from '../plug/vde-plug.ts'
import type { PortInfo } from '../stream/control.ts'
import { askPorts, askWho } from '../stream/control-client.ts'
import { openHub } from './hub-link.ts'
import { openNull } from './null-link.ts'
import { parseVnl, type Vnl } from './parse-vnl.ts'
import {
  checkSwitchDirectory,
  findSwitch,
  isCode,
  makeSwitchDirectory,
  networkError,
  streamSocketPath,
} from './switch-directory.ts'
import { openTap } from './tap-link.ts'

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
  null: async (vnl, setup) => openNull(vnl.text, setup.mtu),
  tap: (vnl, setup) => openTap('tap', vnl.address, vnl.text, setup),
  tun: (vnl, setup) => openTap('tun', vnl.address, vnl.text, setup),
  hub: async (vnl, setup) => openHub(vnl.address, vnl.text, setup),
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
  if (kind === 'stream' && options.size === 0) return openStreamPlug(dir, text, setup)
  return openVdePlug(dir, text, {
    ...setup,
    description: setup.name,
    ...(port === undefined ? {} : { port }),
    ...(group === undefined ? {} : { group }),
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
  })
}

/** The options of those that have any; an option without a name is the first of vdeplug's. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = { vde: ['', 'port', 'portgroup', 'group', 'mode', 'ctl'] }

/** The modules there are. */
export const VNL_MODULES: readonly string[] = Object.keys(modules)

/**
 * Opens a network by its locator, and settles when the link is up.
 * @param vnl a switch's directory, `vde://DIRECTORY`, `tap://NAME`, `tun://NAME`, `null://`, `hub://NAME` (within this thread), or nothing for the user's default network.
 * @throws NetError ERR_IOTH_NETWORK with what is wrong and the next command; ERR_IOTH_PROTOCOL when something else answers there.
 */
export async function openVnl(vnl: string, options: OpenVnlOptions = {}): Promise<Link> {
  const parsed = parseVnl(vnl)
  const open = modules[parsed.module]
  if (open === undefined || !Object.hasOwn(modules, parsed.module)) throw unknownModule(parsed)
  refuseOptions(parsed, OPTIONS[parsed.module] ?? [])
  return open(parsed, {
    name: options.name ?? programName(),
    mtu: options.mtu ?? 1500,
    queueOctets: options.queueOctets ?? 1_048_576,
    scheduler: options.scheduler ?? defaultScheduler(),
    pool: options.pool ?? defaultPool(),
  })
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

function refuseOptions({ text, options }: Vnl, known: readonly string[]): void {
  for (const name of options.keys()) {
    if (!known.includes(name)) throw networkError(`"${text}": there is no option "${name}" here`)
  }
}

function unknownModule({ module, text }: Vnl): Error {
  return networkError(
    `"${text}": there is no network module "${module}". There are: a switch's directory, vde://DIR, tap://NAME, tun://NAME, hub://NAME and null://. Start a switch: ioth switch DIR`,
  )
}

function programName(): string {
  const script = process.argv[1]
  return script === undefined ? 'node' : (script.split(/[\\/]/).pop() as string)
}
