/**
 * What `-c` does for the host: as root, a switch that is made gets an interface of the host on it, so that the kernel's own programs reach the
 * node. It goes away with the switch, when nobody is left.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Cidr, hasCode, IpAddress, networkAddress, networkOf, parseCidr, withNetmask } from '@ioth/core'
import { parseVnl, startHostSetup } from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'

/** As the default network: how long a switch without anybody stays, in milliseconds. */
const IDLE_MS = 10_000

/**
 * Makes the switch with an interface of the host, where that is wanted: by `-d` its name is known, by `--tap` its address.
 * What cannot be had is told, and the program goes on without.
 */
export async function prepareHost(settings: NetworkSettings): Promise<void> {
  const { create, device, filename, tap, quiet, devtype } = settings
  if (!create || tap === false || (devtype ?? 'vde') !== 'vde' || (device === undefined && tap === undefined)) return
  const given = tap === undefined ? null : readTap(tap)
  const network = networkOf(
    { ...(filename === undefined ? {} : { vnl: filename }), ...(device === undefined ? {} : { device }) },
    existsSync,
  )
  const vnl = network === null ? null : parseVnl(network)
  if (vnl === null || vnl.module !== 'vde') return
  const addresses = given === null ? hostAddresses(settings) : [given]
  if (addresses.length === 0) return
  const dir = resolve(vnl.address)
  const tell = (text: string): void => {
    if (!quiet) say(text)
  }
  if (process.getuid?.() !== 0) {
    // A switch that runs already was made without us.
    if (!existsSync(`${dir}/stream`)) tell(`without root this host gets no interface on ${dir}. ${without(settings)}`)
    return
  }
  try {
    const setup = await startHostSetup({
      dir,
      addresses,
      idleMs: IDLE_MS,
      ...(device === undefined ? {} : { tap: device }),
    })
    tell(`this host is ${setup.addresses.join(', ')} on ${dir}, by its interface ${setup.tap}`)
  } catch (error) {
    // The switch is there already: nothing was to be made.
    if (hasCode(error, 'EADDRINUSE')) return
    tell(`this host gets no interface on ${dir}: ${(error as Error).message} ${without(settings)}`)
  }
}

/** The first address of each network that is nobody's yet. */
function hostAddresses({ address, netmask, gateway }: NetworkSettings): Cidr[] {
  const own = address
    .filter((each) => !each.startsWith('hash://'))
    .map((each) => parseCidr(each.includes('/') ? each : withNetmask(each, netmask)))
  const taken = new Set([...own.map((each) => `${each.address}`), ...gateway])
  const found = new Map<string, Cidr>()
  for (const { address: each, prefixLength } of own) {
    const network = networkAddress(each, prefixLength)
    if (prefixLength > (each.family === 4 ? 30 : 126)) continue
    for (let host = 1; ; host++) {
      const { w0, w1, w2, w3 } = network
      const candidate = each.family === 4 ? IpAddress.v4(w3 + host) : new IpAddress(6, w0, w1, w2, w3 + host)
      if (taken.has(`${candidate}`)) continue
      found.set(`${network}/${prefixLength}`, { address: candidate, prefixLength })
      break
    }
  }
  return [...found.values()]
}

function without({ address }: NetworkSettings): string {
  const [target = '10.40.0.32'] = (address[0] ?? '').split('/', 1).filter((each) => each !== '')
  return `Programs of the host reach yours so: ioth publish 8080:${target.includes(':') ? `[${target}]` : target}:80`
}

function readTap(text: string): Cidr {
  try {
    return parseCidr(text)
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `--tap: ${(error as Error).message}. Type for example: ioth run app.js -c -d web0 --tap 10.40.0.1/24`,
    )
  }
}
