import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examples, ioth, iothEnds, programs, startSwitch, temporaryFolder } from './support/processes.ts'

const script = `${programs}/witness.cjs`

/** What is typed (blanks between words), the exit code, and what the paragraph must say. */
const table: [words: string, exitCode: number, says: RegExp][] = [
  [`run -a 10.40.0.300 ${script}`, 64, /"-a".*10\.40\.0\.300.* is not an IP address.*ioth run --help/],
  [`run -a 10.40.0.32/33 ${script}`, 64, /"-a".*10\.40\.0\.32\/33.*prefix length.*ioth run --help/],
  [`run --mac 01:00:00:00:00:01 ${script}`, 64, /"--mac".*group address.*ioth run --help/],
  [`run -a 10.40.0.32 -n 255.0.255.0 ${script}`, 64, /netmask.*255\.0\.255\.0.*ioth run --help/],
  [`run -t token-ring ${script}`, 64, /"-t".*token-ring.*vde.*ioth run --help/],
  [
    `run -l nowhere -a 10.40.0.32 ${script}`,
    69,
    /no backend "nowhere".*Tried @ioth\/backend-nowhere, ioth-backend-nowhere.*npm install/,
  ],
  [`run --adress 10.40.0.32 ${script}`, 64, /unknown option '--adress'.*--address.*ioth run --help/],
  [
    `run -a 10.40.0.32 --host 10.0.0.300 ${script}`,
    64,
    /"10\.0\.0\.300" is no rule of --host.*192\.0\.2\.7.*ioth run --help/,
  ],
  ['run -a', 64, /-a.* argument missing.*ioth run --help/],
  ['run -a 10.40.0.32', 64, /no script to run.*ioth run app\.js/],
  ['run /nowhere/app.js -a 10.40.0.32', 66, /no script \/nowhere\/app\.js.*ioth run app\.js/],
  ['app.js', 64, /unknown command 'app\.js'.*ioth run app\.js/],
  ['pin 10.40.0.32', 64, /unknown command 'pin'.*ping.*ioth --help/],
  [
    `run -a 10.40.0.32 -f /nowhere/at/all ${script}`,
    69,
    /no switch at \/nowhere\/at\/all.*no such directory.*ioth switch/,
  ],
  [`run -a 10.40.0.32 -c -f /nowhere/at/all ${script}`, 69, /\/nowhere\/at\/all.*\/nowhere\/at.*ioth switch/],
  [`run -a 10.40.0.32 -f token://ring ${script}`, 69, /no network module "token".*ioth switch/],
  [
    `run -a 10.40.0.32 -f hub://x --pcap /nowhere/x.pcap ${script}`,
    64,
    /\/nowhere\/x\.pcap cannot be written.*--pcap FILE/,
  ],
  ['switch /nowhere/at/all', 69, /\/nowhere\/at\/all.*ioth switch/],
  ['ps -f /nowhere', 69, /no switch at \/nowhere.*ioth switch/],
  ['ping 10.40.0', 64, /"10\.40\.0" is not an IP address.*ioth ping 10/],
  ['ping -c 0 10.40.0.32', 64, /-c.*whole number.*ioth ping --help/],
  ['ping', 64, /missing required argument 'address'.*ioth ping --help/],
  [
    'ping -a 10.40.0.1 -f hub://x 192.0.2.1',
    69,
    /no route to 192\.0\.2\.1 from 10\.40\.0\.1\/24.*ENETUNREACH.*--gateway/,
  ],
  ['curl -a 10.40.0.1 -f hub://x http://192.0.2.1/', 69, /ENETUNREACH.*192\.0\.2\.1.*--gateway/],
  ['curl ftp://10.40.0.32/', 64, /"ftp:\/\/10\.40\.0\.32\/" is not an http or https URL.*ioth curl/],
]

describe('bad input is one paragraph with the next command, a fitting exit code, and no stack trace', () => {
  test.each(table)('ioth %s', async (words, exitCode, says) => {
    const running = await iothEnds(words)
    expectParagraph(running.stderr)
    expect(running.stderr).toMatch(says)
    expect(running.stdout).toBe('')
    expect(running.exitCode).toBe(exitCode)
  })

  test('a path that is no switch', async () => {
    const folder = temporaryFolder()
    const empty = await iothEnds(['run', '-a', '10.40.0.32', '-f', folder, script])
    expectParagraph(empty.stderr)
    expect(empty.stderr).toMatch(/no switch at .*: the directory is empty.*ioth switch/)
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const other = await iothEnds(['run', '-a', '10.40.0.32', '-f', file, script])
    expectParagraph(other.stderr)
    expect(other.stderr).toMatch(/is a file, not the directory of a switch.*ioth switch/)
    expect([empty.exitCode, other.exitCode]).toEqual([69, 69])
  })

  test('an address that someone on the network has', async () => {
    const { path } = await startSwitch()
    const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32', '-f', path])
    await server.prints(/Serving/)
    const { stderr, exitCode } = await iothEnds(['run', script, '-a', '10.40.0.32', '-f', path])
    expectParagraph(stderr)
    expect(stderr).toMatch(/10\.40\.0\.32 is in use on this network by http-server\.mjs \(process \d+\).*ioth ps/)
    expect(exitCode).toBe(69)
  })

  test('a switch where there is one already', async () => {
    const { path } = await startSwitch()
    const { stderr, exitCode } = await iothEnds(['switch', path])
    expectParagraph(stderr)
    expect(stderr).toMatch(/there is a switch at .* already.*ioth ps -f/)
    expect(exitCode).toBe(73)
  })

  test('an environment variable is named as the culprit', async () => {
    const { stderr } = await iothEnds(['run', script], { env: { PYCOTCP_ADDRESS: '10.40.0.300' } })
    expect(stderr).toMatch(/"PYCOTCP_ADDRESS".*10\.40\.0\.300/)
  })
})

test('a port in use, and a destination outside every route, are what Node says they are', async () => {
  const { stdout } = await iothEnds([
    'run',
    '-q',
    '-c',
    '-f',
    temporaryFolder(),
    '-a',
    '10.40.0.32',
    `${programs}/errors.mjs`,
  ])
  expect(JSON.parse(stdout)).toEqual([
    {
      message: 'listen EADDRINUSE: address already in use 10.40.0.32:80',
      code: 'EADDRINUSE',
      syscall: 'listen',
      address: '10.40.0.32',
      port: 80,
    },
    {
      message: 'connect ENETUNREACH 192.0.2.1:80 - Local (0.0.0.0:0)',
      code: 'ENETUNREACH',
      syscall: 'connect',
      address: '192.0.2.1',
      port: 80,
    },
    {
      message: 'connect ECONNREFUSED 10.40.0.32:81',
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '10.40.0.32',
      port: 81,
    },
  ])
})

function expectParagraph(text: string): void {
  expect(text).toMatch(/^ioth: [^\n]+\n$/)
  expect(text).not.toMatch(/\n\s+at /)
}
