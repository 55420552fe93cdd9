/**
 * `ioth doctor`: what is usable here, what is broken, and what to type about it.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { getServers } from 'node:dns'
import { closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { networkOf, type StackConfig } from '@ioth/core'
import { defaultNetworkDirectory, hostSetups, listPorts, probeLibVdeplug, whyNoFfi } from '@ioth/vde'
import { hostPingWay } from '@ioth/vde/gateway'
import type { NetworkSettings } from '../options/network-options.ts'
import { findBackends } from '../stacks.ts'

/** One thing that was looked at. */
export interface Finding {
  readonly subject: string
  /** `lacks`: something does without; `broken`: something does not work that should. */
  readonly state: 'fine' | 'lacks' | 'broken'
  readonly text: string
  /** What to type. */
  readonly fix?: string
}

const EXIT_BROKEN = 1
const MARKS = { fine: ' ok ', lacks: ' -- ', broken: 'FAIL' } as const

export async function doctor(options: { readonly json?: boolean }, settings: NetworkSettings): Promise<void> {
  const findings = [
    node(),
    ...(await backends()),
    await ffi(),
    await libVdeplug(),
    command('vde_switch', 'vde2', "networks over Debian's switch: ioth vde start --engine vde_switch"),
    command('vde_plug', 'vdeplug', 'other programs and machines on a network: vde_plug DIR'),
    await defaultNetwork(),
    ...(await namedNetwork(settings)),
    ...crashedSetups(),
    tap(),
    command('ip', 'iproute2', "addresses of the host's own interface: ioth vde start"),
    await ping(),
    nameServers(),
    command('tshark', 'tshark', 'captures as text: ioth cap | tshark -r -'),
  ]
  const isBroken = findings.some(({ state }) => state === 'broken')
  if (options.json === true) console.log(JSON.stringify(findings, null, 2))
  else {
    for (const { state, subject, text, fix } of findings) {
      console.log(`[${MARKS[state]}] ${subject}: ${text}${fix === undefined ? '' : `\n       ${fix}`}`)
    }
    console.log(isBroken ? '\nSomething is broken; what to type stands below it.' : '\nNothing is broken.')
  }
  if (isBroken) process.exitCode = EXIT_BROKEN
}

const LEAST_NODE = [20, 19] as const

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])
  const text = `${process.version} on ${process.platform} ${process.arch}`
  return isOld
    ? {
        subject: 'Node',
        state: 'broken',
        text,
        fix: `Install Node ${LEAST_NODE.join('.')} or later: https://nodejs.org`,
      }
    : { subject: 'Node', state: 'fine', text }
}

async function backends(): Promise<Finding[]> {
  return (await findBackends()).map(({ name, probe }) => {
    const subject = `stack ${name}`
    if (probe.usable) return { subject, state: 'fine', text: probe.version ?? 'usable' }
    const text = probe.reason ?? 'not usable'
    return {
      subject,
      state: name === 'ts' ? 'broken' : 'lacks',
      text,
      ...(probe.next !== undefined && { fix: probe.next }),
    }
  })
}

/** Whether C can be called: TAP interfaces, other VDE switches, pings of the gateway. */
async function ffi(): Promise<Finding> {
  const subject = 'calls into C (koffi)'
  const why = await whyNoFfi()
  return why === null
    ? { subject, state: 'fine', text: 'loaded' }
    : { subject, state: 'lacks', text: why, fix: 'npm install koffi' }
}

/** Opens the networks that are not ours. */
async function libVdeplug(): Promise<Finding> {
  const subject = 'libvdeplug'
  const use = 'networks by vxvde://, slirp://, ptp://'
  const { usable, path, reason, next = 'npm install koffi' } = await probeLibVdeplug()
  return usable
    ? { subject, state: 'fine', text: `${path}: ${use}` }
    : { subject, state: 'lacks', text: `${reason}: ${use}`, fix: next }
}

async function defaultNetwork(): Promise<Finding> {
  const dir = defaultNetworkDirectory()
  const subject = `default network ${dir}`
  const found = statSync(dir, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return { subject, state: 'fine', text: 'starts with the first program' }
  const uid = process.getuid?.()
  if (uid !== undefined && found.uid !== BigInt(uid)) {
    return {
      subject,
      state: 'broken',
      text: `belongs to another user (${found.uid})`,
      fix: `Use a directory of your own: export XDG_RUNTIME_DIR=/run/user/${uid}, or let its owner type: rm -r ${dir}`,
    }
  }
  if ((found.mode & 0o077n) !== 0n) {
    return { subject, state: 'broken', text: 'others may use it, so nobody of ours will', fix: `chmod 700 ${dir}` }
  }
  return await ports(subject, '')
}

/** The network that was named. */
async function namedNetwork({ filename, device }: NetworkSettings): Promise<Finding[]> {
  const config: StackConfig = {
    ...(filename !== undefined && { vnl: filename }),
    ...(device !== undefined && { device }),
  }
  const network = networkOf(config, existsSync)
  return network === null ? [] : [await ports(`network ${network}`, network)]
}

async function ports(subject: string, network: string): Promise<Finding> {
  try {
    const there = await listPorts(network)
    return { subject, state: 'fine', text: there.length === 0 ? 'nobody is on it' : `${there.length} on it` }
  } catch (error) {
    // Our own words: what is wrong, and as their last sentence what to type.
    const sentences = (error as Error).message.split(/(?<=[.)]) (?=[A-Z])/)
    const fix = sentences.length > 1 ? sentences.pop() : undefined
    return { subject, state: 'broken', text: sentences.join(' '), ...(fix !== undefined && { fix }) }
  }
}

function crashedSetups(): Finding[] {
  return hostSetups().map(({ dir, tap: name, addresses, running }) => {
    const subject = `host on ${dir}`
    if (running) return { subject, state: 'fine', text: `${addresses.join(', ')} on ${name}` }
    return { subject, state: 'broken', text: 'its switch crashed or was killed', fix: `ioth vde stop ${dir}` }
  })
}

function tap(): Finding {
  const subject = 'TAP interfaces'
  if (process.platform !== 'linux')
    return { subject, state: 'lacks', text: "are Linux's", fix: 'Without: ioth publish, ioth proxy' }
  try {
    closeSync(openSync('/dev/net/tun', constants.O_RDWR))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isMissing = code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO'
    return {
      subject,
      state: 'lacks',
      text: isMissing ? 'the kernel has none' : `/dev/net/tun cannot be opened (${code})`,
      fix: isMissing ? 'modprobe tun' : 'Become root. Without: ioth publish 8080:10.40.0.32:80, or ioth proxy',
    }
  }
  return process.getuid?.() === 0
    ? { subject, state: 'fine', text: 'can be made: ioth vde start' }
    : { subject, state: 'lacks', text: 'need root', fix: 'Without: ioth publish 8080:10.40.0.32:80, or ioth proxy' }
}

async function ping(): Promise<Finding> {
  const subject = 'pings through ioth gateway'
  const way = await hostPingWay()
  return way === null
    ? {
        subject,
        state: 'lacks',
        text: 'this host lets you send none',
        fix: 'sysctl net.ipv4.ping_group_range="0 2147483647"',
      }
    : { subject, state: 'fine', text: `by ${way}` }
}

function nameServers(): Finding {
  const servers = getServers()
  return servers.length === 0
    ? { subject: 'name servers of this host', state: 'lacks', text: 'none', fix: 'ioth gateway --dns ADDRESS' }
    : { subject: 'name servers of this host', state: 'fine', text: servers.join(', ') }
}

function command(name: string, debian: string, use: string): Finding {
  const { error } = spawnSync(name, ['--version'], { stdio: 'ignore' })
  return error === undefined
    ? { subject: name, state: 'fine', text: `installed: ${use}` }
    : { subject: name, state: 'lacks', text: `not installed: ${use}`, fix: `apt-get install ${debian}` }
}
