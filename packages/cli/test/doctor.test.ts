/** `ioth doctor` names the fix for what is broken, and `ioth ps --watch` goes on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { examples, ioth, iothEnds, iothProgram, startSwitch, temporaryFolder } from './support/processes.ts'

/** The verdict on one subject. */
function about(output: string, subject: RegExp): string {
  const lines = output.split('\n')
  const at = lines.findIndex((line) => subject.test(line))
  return lines.slice(at, at + 2).join('\n')
}

test('a sound set-up: nothing is broken', async () => {
  const { path } = await startSwitch()
  const looked = await iothEnds(['doctor', '-f', path], {
    env: { XDG_RUNTIME_DIR: undefined, TMPDIR: temporaryFolder(), IOTH_STATE_DIR: temporaryFolder() },
  })
  expect(looked.stdout).toMatch(/^\[ ok \] Node: v/)
  expect(looked.stdout).toMatch(/\[ ok \] stack ts/)
  expect(looked.stdout).toContain(`[ ok ] network ${path}: nobody is on it`)
  expect(looked.stdout).toMatch(/\nNothing is broken\.\n$/)
  expect(looked.exitCode).toBe(0)
})

test('what is broken has its fix below it', async () => {
  const folder = temporaryFolder()
  const lan = join(folder, 'lan')
  const env = { XDG_RUNTIME_DIR: undefined, TMPDIR: folder, IOTH_STATE_DIR: join(folder, 'state') }
  // 1: a switch that was killed has left its socket behind.
  const killed = spawn(process.execPath, [iothProgram, 'switch', lan])
  await once(killed.stderr, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'close')
  // 2: the directory of the default network is open to all.
  const runtime = join(folder, `ioth-${process.getuid?.()}`)
  mkdirSync(runtime)
  chmodSync(runtime, 0o777)
  // 3: a set-up of the host whose switch is gone.
  mkdirSync(env.IOTH_STATE_DIR)
  const setup = { dir: '/tmp/gone', tap: 'tap9', addresses: ['10.40.0.1/24'], pid: killed.pid, startedAt: '1' }
  writeFileSync(join(env.IOTH_STATE_DIR, 'vde-0123456789abcdef.json'), JSON.stringify(setup))
  // 4: the commands of the system are not found.
  const looked = await iothEnds(['doctor', '-f', lan], {
    env: { ...env, PATH: folder, IOTH_LIBVDEPLUG: '/nowhere/libvdeplug.so' },
  })
  expect(about(looked.stdout, /network .*lan:/)).toMatch(
    /^\[FAIL\] network .*: no switch at .*lan: its process is gone and has left its socket behind\.\n +Start one: ioth switch .*lan$/,
  )
  expect(about(looked.stdout, /default network/)).toMatch(/^\[FAIL\] .*others may use it.*\n +chmod 700 .*ioth-\d+$/)
  expect(about(looked.stdout, /host on/)).toMatch(
    /^\[FAIL\] host on \/tmp\/gone: its switch crashed or was killed\n +ioth vde stop \/tmp\/gone$/,
  )
  expect(about(looked.stdout, /\] ip:/)).toMatch(/^\[ -- \] ip: not installed.*\n +apt-get install iproute2$/)
  expect(about(looked.stdout, /\] libvdeplug:/)).toMatch(
    /^\[ -- \] libvdeplug: .*no such file.*vxvde:\/\/.*\n +apt-get install libvdeplug2$/,
  )
  expect(about(looked.stdout, /\] vde_switch:/)).toMatch(
    /^\[ -- \] vde_switch: not installed.*\n +apt-get install vde2$/,
  )
  expect(about(looked.stdout, /\] vde_plug:/)).toMatch(
    /^\[ -- \] vde_plug: not installed.*\n +apt-get install vdeplug$/,
  )
  expect(looked.stdout).toMatch(/Something is broken/)
  expect(looked.exitCode).toBe(1)
  const json = JSON.parse((await iothEnds(['doctor', '-f', lan, '--json'], { env })).stdout) as {
    state: string
    fix?: string
  }[]
  expect(json.filter(({ state }) => state === 'broken').every(({ fix }) => fix !== undefined)).toBe(true)
})

test('ioth ps --watch tells rates, again and again', async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving/)
  const watch = ioth(['ps', '--watch', '-i', '0.2', '-f', path])
  await watch.prints(/SENDS +RECEIVES +UP\n1 +http-server\.mjs .* ts +80\/tcp .*0 B\/s +0 B\/s/)
  const client = ioth([
    'run',
    `${examples}/http-client.mjs`,
    'http://10.40.0.32/big',
    '-a',
    '10.40.0.33/24',
    '-f',
    path,
  ])
  await watch.prints(/http-server\.mjs .* \d+(\.\d)? [kMG]B\/s/)
  await client.stop()
  await watch.stop('SIGINT')
  const lines = ioth(['ps', '--watch', '--json', '-i', '0.1', '-f', path])
  await lines.prints(/\n.*\n/)
  const [first] = lines.stdout.split('\n')
  expect(JSON.parse(first as string)).toMatchObject([
    { name: 'http-server.mjs', backend: 'ts', listening: ['80/tcp'], pid: server.child.pid, rates: { sent: 0 } },
  ])
  await lines.stop()
})
