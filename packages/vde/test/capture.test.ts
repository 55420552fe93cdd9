/**
 * Captures to a file.
 *
 * @module
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVirtualScheduler, defaultPool, NO_OFFLOAD } from '@ioth/core'
import { expect, test } from 'vitest'
import { captureToFile, openVnl } from '../src/index.ts'
import { BROADCAST, frame, mac, Program, scratch, send, Taker, until } from './harness.ts'

/** The lengths of the records of a capture file; throws when the last one is not whole. */
function records(file: string): number[] {
  const bytes = readFileSync(file)
  expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4)
  const lengths: number[] = []
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8)
    lengths.push(length)
    at += 16 + length
    expect(at).toBeLessThanOrEqual(bytes.length)
  }
  return lengths
}

test.each([1, 1000])('the file of a program that exits at once is whole: %i frames', async (count) => {
  const file = join(scratch(), 'out.pcap')
  const program = new Program('capture', [file, String(count)])
  expect(await program.ended).toBe(0)
  expect(records(file)).toEqual(Array(count).fill(1000))
})

test('both directions are recorded, and written within a moment', async () => {
  const scheduler = createVirtualScheduler()
  const pool = defaultPool()
  const file = join(scratch(), 'out.pcap')
  const a = new Taker(
    captureToFile(await openVnl('hub://c', { scheduler, pool }), file, { scheduler, pool }),
    NO_OFFLOAD,
  )
  const b = new Taker(await openVnl('hub://c', { scheduler, pool }))
  send(a.link, [frame(BROADCAST, mac(1), 'ping', 100)])
  send(b.link, [frame(BROADCAST, mac(2), 'pong', 200)])
  scheduler.advance(100_000)
  expect(records(file)).toEqual([100, 200])
  send(a.link, [frame(BROADCAST, mac(1), 'last', 300)])
  scheduler.advance()
  await a.link.close()
  expect(records(file)).toEqual([100, 200, 300])
  expect(scheduler.timers).toBe(0)
})

test.each([
  ['there is no such directory', (dir: string) => join(dir, 'no', 'out.pcap')],
  ['it is a directory', (dir: string) => dir],
])('a file that cannot be written: %s', async (why, path) => {
  const dir = join(scratch(), 'dir')
  mkdirSync(dir)
  const file = path(dir)
  const program = new Program('capture', [file, '1'])
  await program.ended
  expect(program.lines).toEqual([
    `failed EINVAL: the capture file ${file} cannot be written: ${why}. Choose another: --pcap FILE`,
  ])
})

test.skipIf(process.platform !== 'linux')(
  'a disk that fills up ends the capture, not the link (needs /dev/full)',
  async () => {
    const scheduler = createVirtualScheduler()
    const pool = defaultPool()
    const errors: string[] = []
    const link = captureToFile(await openVnl('null://'), '/dev/full', {
      scheduler,
      pool,
      onError: (error) => errors.push(error.message),
    })
    new Taker(link)
    send(link, [frame(BROADCAST, mac(1), 'x')])
    await until(() => {
      scheduler.advance(100_000)
      return errors.length > 0
    })
    expect(errors).toEqual(['the capture into /dev/full ends here: no space is left there'])
    expect(send(link, [frame(BROADCAST, mac(1), 'x')])).toBe(1)
    expect(scheduler.timers).toBe(0)
  },
)
