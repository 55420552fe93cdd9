/**
 * Several machines, one network: two namespaces of Linux as hosts, joined by a cable of the kernel. Also a hundred megabytes through
 * Debian's vde_switch, which drops bursts.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ioth, iothEnds, startSwitch, temporaryFolder } from './support/processes.ts'
import { cable, iothIn, namespace, skipNamespaces, whyNamespaces } from './support/world.ts'

const OCTETS = Number(process.env.IOTH_LONG_OCTETS ?? 100_000_000)
const server = 'packages/cli/test/programs/big-file.mjs'
const client = 'packages/cli/test/programs/fetch-file.mjs'
const noVde = spawnSync('vde_switch', ['--version']).error !== undefined && !process.env.CI

function expected(): string {
  const chunk = Buffer.from(Uint8Array.from({ length: 65_536 }, (_, index) => (index * 7 + (index >> 8)) & 255))
  const hash = createHash('sha256')
  for (let left = OCTETS; left > 0; left -= chunk.length)
    hash.update(left < chunk.length ? chunk.subarray(0, left) : chunk)
  return `fetched ${OCTETS} ${hash.digest('hex')}`
}

describe.skipIf(skipNamespaces)(`two hosts${whyNamespaces}`, () => {
  async function hosts(): Promise<[Awaited<ReturnType<typeof namespace>>, Awaited<ReturnType<typeof namespace>>]> {
    const [a, b] = [await namespace(), await namespace()]
    cable(a, b, 'wan', [['192.0.2.1/24', '192.0.2.2/24']])
    // Where multicast goes.
    a.run('ip route add 239.0.0.0/8 dev wana')
    b.run('ip route add 239.0.0.0/8 dev wanb')
    return [a, b]
  }

  test.each([
    ['vxvde://', 'vxvde://239.1.2.3', 'vxvde://239.1.2.3'],
    ['udp://', 'udp://10000->192.0.2.2:10000', 'udp://10000->192.0.2.1:10000'],
  ])('one network across both through %s', async (_name, forA, forB) => {
    const [a, b] = await hosts()
    const serving = iothIn(a, ['run', '-q', '-a', '10.40.0.32/24', '-f', forA, server, 'on-a'])
    await serving.prints(/listening/)
    // One who is there already: udp:// has two ends only, so that one process at a time is on the other host.
    const pinged = await iothIn(b, ['ping', '-c', '3', '-W', '5', '-a', '10.40.0.33/24', '-f', forB, '10.40.0.32'])
      .ended
    expect(pinged.stdout).toMatch(/3 .*3 received/)
    const fetched = await iothIn(b, [
      'run',
      '-q',
      '-a',
      '10.40.0.33/24',
      '-f',
      forB,
      client,
      `http://10.40.0.32/${OCTETS}`,
    ]).ended
    expect([fetched.stdout.trim(), fetched.exitCode]).toEqual([expected(), 0])
    console.log(`${forA}: ${fetched.stderr.trim()}`)
  })

  test('a service moves from one host to the other, and its next request is served there', async () => {
    const [a, b] = await hosts()
    const vnl = 'vxvde://239.1.2.4'
    const onA = iothIn(a, ['run', '-q', '-a', '10.40.0.32/24', '-f', vnl, server, 'on-a'])
    await onA.prints(/listening/)
    const asking = iothIn(b, ['run', '-q', '-a', '10.40.0.9/24', '-f', vnl, 'packages/cli/test/programs/ask-who.mjs'])
    await asking.prints(/on-a/)
    await onA.stop()
    const onB = iothIn(b, ['run', '-q', '-a', '10.40.0.32/24', '-f', vnl, server, 'on-b'])
    await onB.prints(/listening/)
    await asking.prints(/on-b/)
    const [, ms] = await asking.prints(/on-b: the first after (\d+) ms/)
    console.log(`served by the new host ${ms} ms after the last answer of the old one`)
  })
})

describe.skipIf(noVde)(`Debian's vde_switch${noVde ? ' (skipped: apt-get install vde2)' : ''}`, () => {
  test('a hundred megabytes arrive intact', async () => {
    const dir = join(temporaryFolder(), 'lan')
    const child = spawn('vde_switch', ['-s', dir, '-n', '64'], { stdio: ['pipe', 'ignore', 'ignore'] })
    onTestFinished(() => void child.kill())
    while (!existsSync(join(dir, 'ctl'))) await new Promise((resolve) => setImmediate(resolve))
    await ioth(['run', '-q', '-a', '10.40.0.32/24', '-f', dir, server]).prints(/listening/)
    const fetched = await iothEnds([
      'run',
      '-q',
      '-a',
      '10.40.0.33/24',
      '-f',
      dir,
      client,
      `http://10.40.0.32/${OCTETS}`,
    ])
    expect([fetched.stdout.trim(), fetched.exitCode]).toEqual([expected(), 0])
    console.log(`vde_switch: ${fetched.stderr.trim()}`)
  })
})

test('through a wire: loss, delay and a rate as a program sees them', async () => {
  const [one, two] = [await startSwitch(), await startSwitch()]
  const wire = ioth(['wire', one.path, two.path, '--loss', '2%', '--delay', '10ms', '--rate', '20mbit', '--seed', '1'])
  await wire.prints(/ioth: wire/)
  await ioth(['run', '-q', '-a', '10.40.0.32/24', '-f', one.path, server]).prints(/listening/)
  const pinged = await iothEnds(['ping', '-c', '20', '-i', '0.05', '-a', '10.40.0.33/24', '-f', two.path, '10.40.0.32'])
  console.log(pinged.stdout.split('\n').slice(-3).join(' '))
  const fetched = await iothEnds([
    'run',
    '-q',
    '-a',
    '10.40.0.34/24',
    '-f',
    two.path,
    client,
    'http://10.40.0.32/2000000',
  ])
  expect(fetched.stdout).toMatch(/^fetched 2000000 /)
  console.log(`a wire of 20 Mbit/s with 2 % loss and 10 ms: ${fetched.stderr.trim()}`)
})
