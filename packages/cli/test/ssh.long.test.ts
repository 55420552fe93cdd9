/** A network that goes on behind ssh: OpenSSH's own server on loopback, with keys made for the test, and ioth at the other end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ioth, iothEnds, iothProgram, startSwitch, temporaryFolder } from './support/processes.ts'

const SSHD = '/usr/sbin/sshd'
const hasSsh = existsSync(SSHD) && spawnSync('ssh', ['-V']).status === 0
const why = hasSsh ? '' : ' (skipped: apt-get install openssh-server openssh-client)'

/**
 * A host for ssh, on which nothing is known but `ioth`. The server runs once for each connection, as inetd starts it.
 * @returns the client's configuration, in which the host is called `far`.
 */
async function startHost(): Promise<{ readonly config: string; readonly connections: ChildProcess[] }> {
  const folder = temporaryFolder()
  for (const name of ['host', 'user']) {
    const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)], {
      encoding: 'utf8',
    })
    if (made.status !== 0) throw new Error(`ssh-keygen failed: ${made.stderr}`)
  }
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/ioth'), `#!/bin/sh\nexec ${process.execPath} ${iothProgram} "$@"\n`)
  chmodSync(join(folder, 'bin/ioth'), 0o755)
  const server = join(folder, 'sshd_config')
  writeFileSync(
    server,
    [
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      'AuthenticationMethods publickey',
      'PermitRootLogin prohibit-password',
      // The folder is below one that all may write to.
      'StrictModes no',
      'UsePAM no',
      'PrintMotd no',
      `SetEnv PATH=${folder}/bin:/usr/bin:/bin IOTH_TAP=no`,
      '',
    ].join('\n'),
  )
  // As root it wants this one, which Debian makes when it starts the service.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })

  const connections: ChildProcess[] = []
  const listener = createServer({ pauseOnConnect: true }, (socket) => {
    const child = spawn(SSHD, ['-i', '-e', '-f', server], { stdio: [socket, socket, 'ignore'] })
    child.once('spawn', () => socket.destroy())
    connections.push(child)
  })
  await new Promise<void>((settle) => listener.listen(0, '127.0.0.1', settle))
  onTestFinished(() => {
    listener.close()
    for (const child of connections) child.kill()
  })
  const config = join(folder, 'ssh_config')
  const { port } = listener.address() as AddressInfo
  writeFileSync(
    config,
    [
      'Host far',
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${folder}/user`,
      '  IdentitiesOnly yes',
      '  BatchMode yes',
      `  UserKnownHostsFile ${folder}/known`,
      '  StrictHostKeyChecking accept-new',
      '  LogLevel ERROR',
      '',
    ].join('\n'),
  )
  return { config, connections }
}

test.skipIf(!hasSsh && !process.env.CI)(
  `cmd://ssh joins a network of another host, by ping and by a wire${why}`,
  async () => {
    const [{ path: far }, { path: near }] = [await startSwitch(), await startSwitch()]
    const server = ioth(['run', 'packages/cli/test/programs/hello-server.mjs', '-a', '10.40.0.32/24', '-f', far])
    await server.prints(/listening/)
    const { config, connections } = await startHost()
    const vnl = `cmd://ssh -F ${config} far ioth wire -q - ${far}`

    // A program that is on that network itself.
    const pinged = await iothEnds([
      'ping',
      '-c',
      '3',
      '-i',
      '0.2',
      '-W',
      '20',
      '-a',
      '10.40.0.33/24',
      '-f',
      vnl,
      '10.40.0.32',
    ])
    expect([pinged.stdout, pinged.stderr, pinged.exitCode]).toEqual([
      expect.stringMatching(/3 packets transmitted, 3 received, 0% packet loss/),
      '',
      0,
    ])

    // A network of this host, and that one, are one.
    const wire = ioth(['wire', near, vnl])
    await wire.prints(/ioth: wire/)
    const page = await iothEnds(['curl', '-a', '10.40.0.34/24', '-f', near, 'http://10.40.0.32/'])
    expect([page.stdout, page.exitCode]).toEqual([expect.stringContaining('hello'), 0])
    await wire.stop()
    expect(connections).toHaveLength(2)
    // Nothing stays behind on the other host.
    await Promise.all(
      connections.map(
        (child) => child.exitCode ?? child.signalCode ?? new Promise((settle) => child.once('exit', settle)),
      ),
    )
    expect(JSON.parse((await iothEnds(['ps', '--json', '-f', far])).stdout)).toHaveLength(1)
  },
)
