/**
 * Wireshark's opinion: what the stack sent in the tests of the suite is well-formed, with every checksum right. Each test is run on a LAN
 * of its own and captured; `tshark` takes the captures apart, so that no parser of ours is asked about our own frames.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { encodeCapture, SUITES, Suite } from '../src/index.ts'

process.env.IOTH_RUNS ??= '3'

const run = promisify(execFile)
const CHECKS = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((name) => [
  '-o',
  `${name}:TRUE`,
])
/** What the tests write to ports 7, 53 and 80 is no echo, no DNS and no HTTP. */
const UNASKED = ['dns', 'http', 'http2', 'echo'].flatMap((name) => ['--disable-protocol', name])
const FAULTS = ['_ws.malformed', '_ws.expert.group == "Malformed"', '_ws.expert.group == "Checksum"'].join(' || ')
const hasTshark = spawnSync('tshark', ['--version']).status === 0

describe('captures of the suite', () => {
  it.skipIf(!hasTshark && process.env.CI === undefined)(
    'hold nothing that Wireshark calls malformed (skipped where tshark is not installed)',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ioth-expert-'))
      const captures = new Map<string, string>()
      const record: NonNullable<Suite['subject']['record']> = (name, lan) => {
        const path = join(folder, `${captures.size}.pcap`)
        // What peers made by hand sent is malformed on purpose; a host's own frames are judged.
        const frames = lan.hosts.flatMap((host) => host.frames.filter(({ direction }) => direction === 'out'))
        writeFileSync(path, encodeCapture(frames.sort((one, other) => one.time - other.time)))
        captures.set(path, name)
      }
      try {
        await runAll(record)
        expect(captures.size).toBeGreaterThan(30)
        const complaints: string[] = []
        const left = [...captures]
        const reader = async (): Promise<void> => {
          for (let next = left.pop(); next !== undefined; next = left.pop()) {
            const [path, name] = next
            const { stdout } = await run('tshark', ['-n', '-r', path, ...UNASKED, ...CHECKS, '-Y', FAULTS])
            if (stdout !== '') complaints.push(`${name}: ${stdout}`)
          }
        }
        await Promise.all([reader(), reader()])
        expect(complaints).toEqual([])
        console.log(`tshark finds nothing malformed in ${captures.size} captures`)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )
})

/** What is looked at: everything a stack has to say, by a few tests each. */
const CHOSEN = [
  'TCP: connections',
  'TCP: streams',
  'UDP',
  'IPv6',
  'ICMPv6',
  'ICMP',
  'DHCP',
  'names',
  'neighbour discovery',
  'ping',
]
const TESTS_OF_EACH = 4

/** Tests of the suite, one after the other. Whether they pass is asked elsewhere. */
async function runAll(record: NonNullable<Suite['subject']['record']>): Promise<void> {
  const bodies: (() => Promise<void> | void)[] = []
  const take = (_name: string, body: () => Promise<void> | void): number => bodies.push(body)
  const suite = new Suite({ name: 'expert', backend, record }, { test: take, fails: take, skip: () => {} })
  for (const [name, register] of Object.entries(SUITES)) {
    if (!CHOSEN.includes(name)) continue
    const before = bodies.length
    register(suite)
    bodies.splice(before + TESTS_OF_EACH)
  }
  for (const body of bodies) {
    try {
      await body()
    } catch {
      // Its own run tells; here it leaves no capture.
    }
  }
}
