/** A process that exits leaves behind what a kernel would have delivered: what was written, and the end of the stream. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findBackends } from '../src/index.ts'
import { ioth, iothEnds, iothProgram, programs, startSwitch } from './support/processes.ts'

const server = (way: string, octets: number, path: string) =>
  ioth(['run', '-q', '-a', '10.40.0.32', '-f', path, `${programs}/last-words.mjs`, way, String(octets)])
const client = ['run', '-q', '-a', '10.40.0.33']

describe('written before the exit, and read by another process: every octet, and a FIN', () => {
  test.each([
    ['exit', 65_536, 3],
    ['exit', 1, 3],
    ['exit', 500_000, 3],
    ['throw', 65_536, 1],
    ['reject', 65_536, 1],
    ['end', 65_536, 0],
    ['unref', 65_536, 0],
  ])('%s after %i octets', async (way, octets, exitCode) => {
    const { path } = await startSwitch()
    const speaker = server(way, octets, path)
    await speaker.prints(/ready/)
    const listener = await iothEnds([...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32'])
    expect(listener.output).toBe(`${octets} octets and a FIN\n`)
    expect((await speaker.ended).exitCode).toBe(exitCode)
  })
})

test.each([
  // The plug of a vde_switch, by a descriptor as tap:// and tun:// are; a stream, as qemu:// is.
  ['vde://SW[ctl]', 65_536],
  ['vde://SW[ctl]', 500_000],
  [`cmd://'${process.execPath}' '${iothProgram}' wire -q - SW`, 65_536],
])('the same on %s, %i octets', async (network, octets) => {
  const { path } = await startSwitch()
  const speaker = server('exit', octets, network.replace('SW', path))
  await speaker.prints(/ready/)
  const listener = await iothEnds([...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32'])
  expect(listener.output).toBe(`${octets} octets and a FIN\n`)
  expect((await speaker.ended).exitCode).toBe(3)
})

test('the same on udp://', async () => {
  const [here, there] = await freePorts(2)
  const speaker = server('exit', 65_536, `udp://127.0.0.1:${here}->127.0.0.1:${there}`)
  await speaker.prints(/ready/)
  const path = `udp://127.0.0.1:${there}->127.0.0.1:${here}`
  const listener = await iothEnds([...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32'])
  expect(listener.output).toBe('65536 octets and a FIN\n')
  expect((await speaker.ended).exitCode).toBe(3)
})

// Stacks of C libraries: in this process, and in a helper process of their own.
for (const { name, probe } of (await findBackends()).filter(({ name }) => name !== 'ts')) {
  const why = probe.usable ? '' : ` (skipped: ${probe.reason ?? 'not usable'})`
  test.skipIf(!probe.usable)(`the same by the stack of ${name}${why}`, async () => {
    const { path } = await startSwitch()
    const words = ['run', '-q', '-l', name, '-a', '10.40.0.32', '-f', path, `${programs}/last-words.mjs`]
    const speaker = ioth([...words, 'exit', '65536'])
    await speaker.prints(/ready/)
    const listener = await iothEnds([...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32'])
    expect(listener.output).toBe('65536 octets and a FIN\n')
    expect((await speaker.ended).exitCode).toBe(3)
  })
}

test('the same in a child of the node, whose parent is blocked meanwhile', async () => {
  const { path } = await startSwitch()
  const words = [`${programs}/in-a-child.mjs`, `${programs}/last-words.mjs`, 'exit', '65536']
  const speaker = ioth(['run', '-q', '-a', '10.40.0.32', '-f', path, ...words])
  await speaker.prints(/ready/)
  const listener = await iothEnds([...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32'])
  expect(listener.output).toBe('65536 octets and a FIN\n')
  expect((await speaker.ended).exitCode).toBe(3)
})

/** Ports for datagrams that nobody has. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'listening')))
  const ports = sockets.map((socket) => socket.address().port)
  for (const socket of sockets) socket.close()
  return ports
}

test('a peer that does not read delays the exit, and does not prevent it', async () => {
  const { path } = await startSwitch()
  const speaker = server('exit', 20_000_000, path)
  await speaker.prints(/ready/)
  const args = [iothProgram, ...client, '-f', path, `${programs}/listen-to.mjs`, '10.40.0.32', 'deaf']
  const listener = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'] })
  onTestFinished(() => void listener.kill('SIGKILL'))
  expect((await speaker.ended).exitCode).toBe(3)
  expect(listener.exitCode).toBeNull()
  listener.kill('SIGKILL')
  await once(listener, 'exit')
})
