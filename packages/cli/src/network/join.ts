/**
 * Puts this process on a network: from settings to a stack that is ready, with an address found for those who name none.
 *
 * @module
 */
import {
  canonicalConfig,
  type FramePool,
  formatCidr,
  type IpAddress,
  type Link,
  type Scheduler,
  type Stack,
  type StackConfig,
  withNetmask,
} from '@ioth/core'
import { searchFolders } from '@ioth/core/registry'
import { announceLink } from '@ioth/node'
import {
  type CreatedNode,
  captureToFile,
  createNode,
  giveAddress,
  holdHub,
  type NodeDescription,
  takeOverLink,
} from '@ioth/vde'
import { EXIT, Failure } from '../failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'
import { createStack, ownFolder } from '../stacks.ts'
import { explainNetwork } from './network-failure.ts'
import { tellConflicts } from './tell-conflicts.ts'

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
    const stack = await createStack(config, { wrap: (link, shared) => wrapped(link, settings, shared) })
    if (config.addresses?.length === 0 && !config.dhcp && !config.slaac) await giveAddress(stack, near)
    return stack
  } catch (error) {
    throw explainNetwork(error)
  }
}

/** Joins as a program that may start others. @throws Failure */
export async function joinAsNode(settings: NetworkSettings): Promise<CreatedNode> {
  try {
    return await createNode(configOf(settings, undefined), {
      from: searchFolders(ownFolder),
      ...(!settings.quiet && { onEvent: tellConflicts() }),
      wrap: (link, shared) => wrapped(link, settings, shared),
    })
  } catch (error) {
    throw explainNetwork(error)
  }
}

/** A node for what another program starts: its hub, which lasts as long as this process or one of the node. @throws Failure */
export function startNode(settings: NetworkSettings): NodeDescription {
  if (settings.pcap !== undefined) {
    throw new Failure(
      EXIT.usage,
      '--pcap captures what a program of Node sends and receives. Capture one of those: ioth run SCRIPT --pcap FILE',
    )
  }
  if (settings.takeOver) {
    throw new Failure(EXIT.usage, '--take-over is for a program of Node. Type: ioth run SCRIPT --take-over')
  }
  try {
    return holdHub(configOf(settings, undefined), searchFolders(ownFolder))
  } catch (error) {
    throw explainNetwork(error)
  }
}

function wrapped(
  link: Link,
  { quiet, pcap, takeOver }: NetworkSettings,
  shared: { readonly scheduler: Scheduler; readonly pool: FramePool },
): Link {
  const owned = takeOver ? takeOverLink(link, shared) : link
  const announced = quiet ? owned : announceLink(owned)
  return pcap === undefined ? announced : captureToFile(announced, pcap, shared)
}

/** The configuration that the settings mean. @throws NetError ERR_IOTH_CONFIG, which names the flag or variable. */
export function configOf(settings: NetworkSettings, name: string | undefined): StackConfig {
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

/** One line that tells where a program is, for those who did not choose it. */
export function announceAddress(stack: Stack): void {
  const [plug] = stack.interfaces
  if (plug === undefined) return
  say(`${plug.addresses.map(formatCidr).join(', ')} on ${plug.link?.name ?? 'its network'}`)
}
