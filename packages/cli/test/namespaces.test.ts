/** Everything runs unchanged in network namespaces that others make: vdens, and pam_newnet of libpam-net at login. */
import { spawnSync } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  bare,
  examples,
  ioth,
  iothProgram,
  programs,
  start,
  startSwitch,
  temporaryFolder,
} from './support/processes.ts'
import { skipNamespaces, whyNamespaces } from './support/world.ts'

const PAM_MODULE = '/usr/lib/x86_64-linux-gnu/security/pam_newnet.so'
const hasVdens = spawnSync('vdens', ['--help']).status !== null
const hasPamNet = existsSync(PAM_MODULE) || existsSync(PAM_MODULE.replace('/usr', ''))
const skip = (isThere: boolean): boolean => skipNamespaces || (!isThere && !process.env.CI)
const why = (isThere: boolean, name: string): string =>
  isThere ? whyNamespaces : ` (skipped: ${name} is not installed; apt-get install ${name})`

test.skipIf(skip(hasVdens))(`in vdens, beside the kernel of the namespace${why(hasVdens, 'vdens')}`, async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving/)
  const script = [
    'ip addr add 10.40.0.200/24 dev vde0',
    'ip link set vde0 up',
    'ip link set lo up',
    'curl -sS --max-time 20 http://10.40.0.32/',
    'ping -c 1 -W 20 10.40.0.32 | grep "1 received"',
    `"$0" "$1" curl -f "$2" -a 10.40.0.9/24 http://10.40.0.32/`,
    // A set-up of its own, in the namespace of vdens.
    `IOTH_STATE_DIR="$3/state" "$0" "$1" vde start 10.41.0.1/24 "$3/lan"`,
    `IOTH_STATE_DIR="$3/state" "$0" "$1" vde stop "$3/lan"`,
  ].join(' && ')
  const folder = temporaryFolder()
  const words = [`vde://${path}`, 'sh', '-c', script, process.execPath, iothProgram, path, folder]
  const inside = await start('vdens', words).ended
  expect(bare(inside.stdout), inside.output).toMatch(
    /^Hello 10\.40\.0\.200, this is 10\.40\.0\.32 port 80\.\n.*1 received.*\nHello 10\.40\.0\.9, this is 10\.40\.0\.32 port 80\.\n$/,
  )
  expect([inside.exitCode, inside.stderr]).toEqual([
    0,
    expect.stringMatching(/10\.41\.0\.1\/24 on tap0.*is gone, and tap0 with it/s),
  ])
})

test.skipIf(skip(hasPamNet))(
  `under pam_newnet of libpam-net, as a user who logs in${why(hasPamNet, 'libpam-net')}`,
  async () => {
    const folder = temporaryFolder()
    // The host's own files stay as they are: these stand in their place in a mount namespace of the test.
    const pam = join(folder, 'su')
    const group = join(folder, 'group')
    writeFileSync(
      pam,
      ['auth sufficient pam_rootok.so', 'account required pam_permit.so', 'session required pam_newnet.so', ''].join(
        '\n',
      ),
    )
    copyFileSync('/etc/group', group)
    writeFileSync(group, `${readFileSync('/etc/group', 'utf8').trimEnd()}\nnewnet:x:65000:nobody\n`)
    const script = join(folder, 'script')
    copyFileSync(`${programs}/in-a-namespace.sh`, script)
    const place = join(folder, 'user')
    spawnSync('install', ['-d', '-o', 'nobody', '-m', '700', place])
    chownSync(folder, 65534, 65534)
    const command = `ip -brief addr show; exec sh ${script} ${process.execPath} ${iothProgram} ${examples}/http-server.mjs ${place}`
    const login = `mount --bind ${pam} /etc/pam.d/su && mount --bind ${group} /etc/group && exec su -s /bin/sh nobody -c "$0"`
    const inside = await start('unshare', ['--mount', 'sh', '-c', login, command], { cwd: '/' }).ended
    // Nothing but loopback is there.
    expect(inside.stdout).toMatch(/^lo .*\n[^\n]*Serving/)
    expect(
      bare(inside.stdout).match(/Hello 10\.40\.0\.\d+, this is 10\.40\.0\.32 port 80\./g)?.length,
      inside.output,
    ).toBe(2)
    expect(inside.stdout).toMatch(/all of it ran\n$/)
  },
)
