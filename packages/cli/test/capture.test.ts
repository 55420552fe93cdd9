import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { examples, ioth, iothEnds, startSwitch, temporaryFolder } from './support/processes.ts'

const hasTshark = spawnSync('tshark', ['--version']).status === 0
const why = hasTshark ? '' : ' (skipped: tshark is not installed; apt-get install tshark)'

// Under CI a missing tshark is a failure, not a skip.
test.skipIf(!hasTshark && !process.env.CI)(
  `--pcap: tshark finds no malformed frame and no bad checksum${why}`,
  async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    const server = ioth([
      'run',
      `${examples}/http-server.mjs`,
      '-a',
      '10.40.0.32/24',
      '-f',
      path,
      '--pcap',
      join(folder, 'server.pcap'),
    ])
    await server.prints(/Serving/)
    const url = 'http://10.40.0.32/big?size=2000000'
    const client = await iothEnds([
      'run',
      `${examples}/http-client.mjs`,
      url,
      '-a',
      '10.40.0.33/24',
      '-f',
      path,
      '--pcap',
      join(folder, 'client.pcap'),
    ])
    expect(client.exitCode).toBe(0)
    await iothEnds(['ping', '-c', '1', '-f', path, '10.40.0.32'])
    await server.stop()

    for (const file of ['server.pcap', 'client.pcap']) {
      const capture = join(folder, file)
      expect(frames(capture, 'tcp.payload')).toBeGreaterThan(100)
      expect(frames(capture, '_ws.malformed || _ws.expert.group == "Malformed"')).toBe(0)
      expect(
        frames(capture, 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || icmp.checksum.status == "Bad"'),
      ).toBe(0)
      // The checks above mean nothing unless tshark did check.
      expect(frames(capture, 'tcp.checksum.status == "Good"')).toBe(frames(capture, 'tcp'))
      expect(frames(capture, 'frame.len > 1514')).toBe(0)
    }
  },
)

/** How many frames of a capture match, with checksums validated. */
function frames(capture: string, filter: string): number {
  const options = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((name) => [
    '-o',
    `${name}:TRUE`,
  ])
  const { status, stdout, stderr } = spawnSync(
    'tshark',
    ['-r', capture, ...options, '-Y', filter, '-T', 'fields', '-e', 'frame.number'],
    {
      encoding: 'utf8',
      maxBuffer: 1e8,
    },
  )
  if (status !== 0) throw new Error(`tshark failed: ${stderr}`)
  return stdout.split('\n').filter((line) => line !== '').length
}
