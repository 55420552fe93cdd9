/**
 * Puts this process on a network: from settings to a stack that is ready, with an address found for those who name none.
 *
 * @module
 */
import {
  canonicalConfig,
  formatCidr,
  hasCode,
  type Interface,
  IpAddress,
  type Link,
  parseCidr,
  type Stack,
  type StackConfig,
  withNetmask,
} from '@ioth/core'
import { announceLink } from '@ioth/node'
import { captureToFile, chooseAddress } from '@ioth/vde'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'
import { createStack } from '../stacks.ts'
import { explainNetwork } from './network-failure.ts'

export interface JoinOptions {
  /** An address that will be spoken to: without an address of its own, the stack gets a free one of the same network. */
  readonly near?: IpAddress
  /** What the node is called, where the user says nothing: `ioth ps` shows it. */
  readonly name?: string
}

/** @throws Failure */
export async function joinNetwork(settings: NetworkSettings, options: JoinOptions = {}): Promise<Stack> {
  const { near, name } = options
  try {
    const config = configOf(settings, name)
    const stack = await createStack(config, {
      wrap: (link, shared) => {
        const announced = settings.quiet ? link : announceLink(link)
        return settings.pcap === undefined ? announced : captureToFile(announced, settings.pcap, shared)
      },
    })
    if (config.addresses?.length === 0 && !config.dhcp && !config.slaac) {
      await findAddress(stack, near)
    }
    return stack
  } catch (error) {
    throw explainNetwork(error)
  }
}

/** The configuration that the settings mean. @throws NetError ERR_IOTH_CONFIG, which names the flag or variable. */
function configOf(settings: NetworkSettings, name: string | undefined): StackConfig {
  const { address, netmask, filename, device, devtype, library, create, gateway, dns, dhcp, slaac, mac } = settings
  const isOfName = address.some((each) => each.startsWith('hash://'))
  const words = {
    addresses: address.map((each) => (each.includes('/') ? each : withNetmask(each, netmask))),
    stack: library,
    vnl: filename,
    type: devtype,
    device,
    gateways: gateway,
    nameServers: dns,
    // The address of a name is that of a name the user chose.
    name: settings.name ?? (isOfName ? undefined : name),
    mac,
    create,
    dhcp,
    slaac,
  }
  return canonicalConfig(words as StackConfig, (key) => settings.sources[SETTING_OF[key] ?? key] ?? key)
}

/** What the configuration's keys are called among the settings, where the two differ. */
const SETTING_OF: Readonly<Partial<Record<keyof StackConfig, keyof NetworkSettings>>> = {
  addresses: 'address',
  stack: 'library',
  vnl: 'filename',
  type: 'devtype',
  gateways: 'gateway',
  nameServers: 'dns',
}

/** How often another address is tried where only the stack's own probes tell that one is taken. */
const TRIES = 8

/** Gives the stack a free address. */
async function findAddress(stack: Stack, near: IpAddress | undefined): Promise<void> {
  const [plug] = stack.interfaces as [Interface]
  for (let tried = 1; ; tried++) {
    const { address, prefixLength } = parseCidr(await proposeAddress(stack, plug, near, tried))
    try {
      await plug.addAddress(address, prefixLength)
      return
    } catch (error) {
      if (tried === TRIES || !hasCode(error, 'EADDRINUSE')) throw error
    }
  }
}

async function proposeAddress(
  stack: Stack,
  plug: Interface,
  near: IpAddress | undefined,
  tried: number,
): Promise<string> {
  if (near?.family === 6) {
    const { random } = stack.scheduler
    return formatCidr({ address: new IpAddress(6, near.w0, near.w1, random.int32(), random.int32()), prefixLength: 64 })
  }
  return await chooseAddress(plug.link as Link, {
    mac: plug.mac,
    name: `${process.argv[1] ?? ''} ${tried}`,
    ...(near === undefined ? {} : { network: `${near}/24` }),
  })
}

/** One line that tells where a program is, for those who did not choose it. */
export function announceAddress(stack: Stack): void {
  const [plug] = stack.interfaces
  if (plug === undefined) return
  say(`${plug.addresses.map(formatCidr).join(', ')} on ${plug.link?.name ?? 'its network'}`)
}
