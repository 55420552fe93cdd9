/** `ioth cap`: live captures that tshark reads, of a network and of one program, with secrets of TLS; and disks that are full. */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  examples,
  ioth,
  iothEnds,
  iothProgram,
  programs,
  start,
  startSwitch,
  temporaryFolder,
} from './support/processes.ts'

const hasTshark = spawnSync('tshark', ['--version']).status === 0
const why = hasTshark ? '' : ' (skipped: tshark is not installed; apt-get install tshark)'
const skip = !hasTshark && !process.env.CI

/** One line for each frame that matches, with these fields. */
function fields(capture: string, filter: string, ...names: string[]): string[] {
  const checks = ['ip', 'tcp', 'udp'].flatMap((each) => ['-o', `${each}.check_checksum:TRUE`])
  const wanted = names.flatMap((name) => ['-e', name])
  const { status, stdout, stderr } = spawnSync(
    'tshark',
    ['-r', capture, ...checks, '-Y', filter, '-T', 'fields', ...wanted],
    {
      encoding: 'utf8',
      maxBuffer: 1e8,
    },
  )
  if (status !== 0) throw new Error(`tshark failed: ${stderr}`)
  return stdout.split('\n').filter((line) => line !== '')
}

test.skipIf(skip)(`a network: every frame once, with the programs as interfaces${why}`, async () => {
  const { path } = await startSwitch()
  const file = join(temporaryFolder(), 'lan.pcapng')
  const cap = ioth(['cap', '-f', path, '-w', file])
  await cap.prints(/capturing into/)
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving/)
  const url = 'http://10.40.0.32/big?size=1000000'
  expect(
    (await iothEnds(['run', `${examples}/http-client.mjs`, url, '-a', '10.40.0.33/24', '-f', path])).exitCode,
  ).toBe(0)
  const ended = await cap.stop('SIGINT')
  expect([ended.exitCode, ended.stderr]).toEqual([0, expect.stringMatching(/\d+ frames\n$/)])

  const names = new Set(fields(file, 'tcp', 'frame.interface_name'))
  expect([...names].map((name) => name.replace(/\d+/, 'PID')).sort()).toEqual([
    'http-client.mjs (PID)',
    'http-server.mjs (PID)',
  ])
  expect(names).toContain(`http-server.mjs (${server.child.pid})`)
  expect(fields(file, 'http.request', 'http.request.uri')).toEqual(['/big?size=1000000'])
  const octets = fields(file, 'tcp.srcport == 80', 'tcp.len').reduce((sum, length) => sum + Number(length), 0)
  expect(octets).toBeGreaterThan(1_000_000)
  expect(
    fields(
      file,
      'tcp.analysis.retransmission || _ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad" || frame.len > 1514',
      'frame.number',
    ),
  ).toEqual([])
  expect(fields(file, 'tcp.checksum.status == "Good"', 'frame.number').length).toBe(
    fields(file, 'tcp', 'frame.number').length,
  )
})

test.skipIf(skip)(`one program, on standard output, and so many frames${why}`, async () => {
  const { path } = await startSwitch()
  for (const [address, port] of [
    ['10.40.0.32/24', '80'],
    ['10.40.0.33/24', '81'],
  ] as const) {
    await ioth(['run', `${examples}/http-server.mjs`, '-a', address, '-f', path], { env: { PORT: port } }).prints(
      /Serving/,
    )
  }
  const file = join(temporaryFolder(), 'one.pcapng')
  const cap = ioth(['cap', '10.40.0.32', '-f', path, '-w', file, '-c', '8'])
  await cap.prints(/capturing into/)
  await iothEnds(['curl', '-f', path, 'http://10.40.0.33:81/'])
  await iothEnds(['curl', '-f', path, 'http://10.40.0.32/'])
  expect((await cap.ended).exitCode).toBe(0)
  expect(
    new Set(
      fields(file, 'tcp', 'tcp.dstport', 'tcp.srcport')
        .flatMap((line) => line.split('\t'))
        .filter((port) => Number(port) < 1000),
    ),
  ).toEqual(new Set(['80']))
  expect(fields(file, 'frame', 'frame.number').length).toBe(8)
  const nobody = await iothEnds(['cap', 'shop', '-f', path, '-w', file])
  expect([nobody.exitCode, nobody.stderr]).toEqual([69, 'ioth: nobody on this network is shop. See who is: ioth ps\n'])
  // What comes out of a pipe is a capture as well.
  const piped = join(temporaryFolder(), 'piped.pcapng')
  const script = '"$0" "$1" cap -f "$2" -c 3 > "$3"'
  const pipe = spawnSync(
    'sh',
    [
      '-c',
      `${script} & pid=$!; "$0" "$1" ping -c 3 -i 0.2 -f "$2" 10.40.0.32 >/dev/null; wait $pid`,
      process.execPath,
      'packages/cli/bin/ioth.js',
      path,
      piped,
    ],
    { encoding: 'utf8' },
  )
  expect(pipe.status, pipe.stderr).toBe(0)
  expect(fields(piped, 'frame', 'frame.number').length).toBe(3)
})

test.skipIf(skip)(
  `with the secrets tshark reads a request of TLS in clear, without them it does not${why}`,
  async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    const keys = join(folder, 'keys')
    const [open, closed] = [join(folder, 'open.pcapng'), join(folder, 'closed.pcapng')]
    const server = ioth([
      'run',
      `--tls-keylog=${keys}`,
      `${programs}/https-server.mjs`,
      '-a',
      '10.40.0.32/24',
      '-f',
      path,
    ])
    await server.prints(/ready/)
    const captures = [ioth(['cap', '-f', path, '-w', open, '--keylog', keys]), ioth(['cap', '-f', path, '-w', closed])]
    for (const each of captures) await each.prints(/capturing into/)
    const fetched = await iothEnds(['curl', '-k', '-f', path, 'https://10.40.0.32/a-secret-place'])
    expect(fetched.stdout).toMatch(/^TLSv1\.3 for/)
    for (const each of captures) expect((await each.stop('SIGINT')).exitCode).toBe(0)
    // With an option of Node the program is a child of the command, which hands signals on.
    await server.stop('SIGTERM')
    expect(existsSync(keys)).toBe(true)
    expect(fields(open, 'http.request', 'http.request.uri')).toEqual(['/a-secret-place'])
    expect(fields(closed, 'http.request', 'http.request.uri')).toEqual([])
  },
)

test.skipIf(process.platform !== 'linux')(
  'a disk that is full, a place that cannot be written, a network that is not there, a switch that goes',
  async () => {
    const { path, process: running } = await startSwitch()
    const full = ioth(['cap', '-f', path, '-w', '/dev/full'])
    const ended = await full.ended
    expect([ended.exitCode, ended.stderr]).toEqual([
      73,
      expect.stringMatching(
        /^ioth: the capture into \/dev\/full ends here: no space is left there\. .*ioth cap -w FILE\n$/m,
      ),
    ])
    const denied = await iothEnds(['cap', '-f', path, '-w', '/nowhere/at/all'])
    expect([denied.exitCode, denied.stderr]).toEqual([
      73,
      'ioth: /nowhere/at/all cannot be written: there is no such directory. Choose another: ioth cap -w FILE\n',
    ])
    const nowhere = await iothEnds(['cap', '-f', `${path}x`, '-w', '/dev/null'])
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([69, expect.stringMatching(/no switch at .*ioth switch/)])
    const cap = ioth(['cap', '-f', path, '-w', '/dev/null'])
    await cap.prints(/capturing into/)
    await running.stop('SIGTERM')
    expect((await cap.ended).stderr).toMatch(/the capture ends: .*\. See whether the network is there: ioth ps\n$/)
  },
)

const noMount = spawnSync('unshare', ['--mount', 'true']).status === 0 || process.env.CI ? '' : ' (skipped: needs root)'

test.skipIf(skip || noMount !== '')(
  `a disk that fills up: the capture ends and says so, the network goes on, and what was captured can be read${noMount}${why}`,
  async () => {
    const { path } = await startSwitch()
    const folder = temporaryFolder()
    // The file system exists in the capturing process's mount namespace only, and goes with it.
    const script = `mount -t tmpfs -o size=256k tmpfs "$1" || exit 99
      "$2" "$3" cap -f "$4" -w "$1/lan.pcapng"
      ended=$?
      cp "$1/lan.pcapng" "$5" && exit $ended`
    const [disk, kept] = [temporaryFolder(), join(folder, 'kept.pcapng')]
    const words = [disk, process.execPath, iothProgram, path, kept]
    const cap = start('unshare', ['--mount', 'sh', '-c', script, 'sh', ...words])
    await cap.prints(/capturing into/)
    const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
    await server.prints(/Serving/)
    const url = 'http://10.40.0.32/big?size=2000000'
    const client = await iothEnds(['run', `${examples}/http-client.mjs`, url, '-a', '10.40.0.33/24', '-f', path])
    expect(client.exitCode).toBe(0)
    const ended = await cap.ended
    expect([ended.exitCode, ended.stderr]).toEqual([
      73,
      expect.stringMatching(/the capture into .*lan\.pcapng ends here: no space is left there\. .*ioth cap -w FILE\n$/),
    ])
    // All of it is whole: tshark finds nothing cut short.
    expect(statSync(kept).size).toBeGreaterThan(100_000)
    expect(statSync(kept).size).toBeLessThanOrEqual(256 * 1024)
    expect(fields(kept, 'http.request', 'http.request.uri')).toEqual(['/big?size=2000000'])
  },
)

test.skipIf(skip || noMount !== '')(
  `--pcap into a disk that fills up: the program goes on${noMount}${why}`,
  async () => {
    const { path } = await startSwitch()
    const [disk, kept] = [temporaryFolder(), join(temporaryFolder(), 'kept.pcap')]
    const script = `mount -t tmpfs -o size=256k tmpfs "$1" || exit 99
    file="$1/own.pcap"; kept="$2"; shift 2
    "$@" --pcap "$file"
    ended=$?
    cp "$file" "$kept" && exit $ended`
    const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
    await server.prints(/Serving/)
    const words = [
      `${examples}/http-client.mjs`,
      'http://10.40.0.32/big?size=2000000',
      '-a',
      '10.40.0.33/24',
      '-f',
      path,
    ]
    const program = [process.execPath, iothProgram, 'run', ...words]
    const client = await start('unshare', ['--mount', 'sh', '-c', script, 'sh', disk, kept, ...program]).ended
    expect([client.exitCode, client.stderr]).toEqual([
      0,
      expect.stringMatching(/^ioth: the capture into .*own\.pcap ends here: no space is left there$/m),
    ])
    expect(fields(kept, 'http.request', 'http.request.uri')).toEqual(['/big?size=2000000'])
  },
)
