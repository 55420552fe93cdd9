/**
 * `ioth wire`: between networks, on standard input and output, and through a command.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ioth, iothEnds, iothProgram, startSwitch, temporaryFolder } from './support/processes.ts'

test('two networks are one; a wire that is cut parts them, and one that is healed joins them', async () => {
  const [one, two] = [await startSwitch(), await startSwitch()]
  const control = join(temporaryFolder(), 'wire')
  const wire = ioth(['wire', one.path, two.path, '--delay', '1ms', '--control', control])
  await wire.prints(/ioth: wire .*change it: ioth wire ctl/)
  const server = ioth(['run', 'packages/cli/test/programs/hello-server.mjs', '-a', '10.40.0.32/24', '-f', one.path])
  await server.prints(/listening/)
  const fetch = (seconds = '30'): ReturnType<typeof iothEnds> =>
    iothEnds(['curl', '-m', seconds, '-a', '10.40.0.9/24', '-f', two.path, 'http://10.40.0.32/'])
  expect((await fetch()).stdout).toContain('hello')
  expect((await iothEnds(['wire', 'ctl', control, 'cut'])).exitCode).toBe(0)
  expect((await fetch('1')).exitCode).not.toBe(0)
  expect((await iothEnds(['wire', 'ctl', control, 'heal'])).exitCode).toBe(0)
  expect((await fetch()).stdout).toContain('hello')
  const shown = await iothEnds(['wire', 'ctl', control, 'show', '--json'])
  expect(JSON.parse(shown.stdout)).toMatchObject({ settings: { delayMs: 1 }, 'a-to-b': { isCut: false } })
  expect((await wire.stop()).exitCode).toBe(0)
})

test('standard input and output carry frames as those of vde_plug; its end is the end', async () => {
  const { path } = await startSwitch()
  const child = spawn(process.execPath, [iothProgram, 'wire', '-', path], { stdio: ['pipe', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.on('close', resolve))
  let said = ''
  const isUp = new Promise<void>((resolve) => {
    child.stderr.on('data', (text) => {
      said += String(text)
      if (said.includes('ioth: wire')) resolve()
    })
  })
  const peer = ioth(['wire', `cmd://${process.execPath} ${iothProgram} wire -q - ${path}`, 'null://'])
  await peer.prints(/ioth: wire/)
  // An ARP question of nobody's; the peer's end is on the same switch and must not answer, but a ping must.
  const pinged = ioth(['run', 'packages/cli/test/programs/hello-server.mjs', '-a', '10.40.0.32/24', '-f', path])
  await pinged.prints(/listening/)
  const question = Buffer.from(
    `ffffffffffff020000000009080600010800060400010200000000090a2800090000000000000a280020${'00'.repeat(18)}`,
    'hex',
  )
  const octets: Buffer[] = []
  const answered = new Promise<Buffer>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      octets.push(data)
      const all = Buffer.concat(octets)
      // To us: our address, after two octets of length.
      const at = all.indexOf(Buffer.from('020000000009', 'hex'))
      if (at >= 2) resolve(all.subarray(at - 2))
    })
  })
  // What comes before the wire has its other end is lost, as on any cable.
  await isUp
  child.stdin.write(Buffer.concat([Buffer.from([0, question.length]), question]))
  const answer = await answered
  expect(answer.readUInt16BE(0)).toBeGreaterThanOrEqual(42)
  expect(answer.readUInt16BE(14)).toBe(0x0806)
  expect(answer.readUInt16BE(22)).toBe(2)
  child.stdin.end()
  expect(await ended).toBe(0)
  expect(said).toMatch(/the wire is out: .*standard input has ended/)
})

test('bad words', async () => {
  const say = async (...words: string[]): Promise<string> => (await iothEnds(['wire', ...words])).stderr
  expect(await say('null://')).toMatch(/a wire has two ends/)
  expect(await say('hub://a', 'hub://a')).toMatch(/both ends of the wire are hub:\/\/a/)
  expect(await say('null://', 'hub://a', '--loss', '200%')).toMatch(/--loss: a share is like 5%.*ioth wire --help/)
  expect(await say('ctl', '/nowhere')).toMatch(/say which wire, and what/)
  expect(await say('ctl', '/nowhere/wire', 'show')).toMatch(/no such socket/)
  expect(await say('null://', '/nowhere')).toMatch(/no switch at \/nowhere/)
})
