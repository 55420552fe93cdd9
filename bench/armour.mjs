/**
 * What the armour costs that stands before stacks in C: per frame, against the checksum that somebody has to compute anyway; and in a
 * transfer between two TypeScript stacks over a pipe with MTU 1500, with it against without it.
 */
import { performance } from 'node:perf_hooks'
import { armour } from '../packages/core/dist/armour.js'
import { interleaved } from './measure.mjs'
import { core, ts } from './packages.mjs'

const BATCH = 64
const PAYLOAD = 1448
const FRAME = 14 + 20 + 32 + PAYLOAD
const PIECE = 65_536
const QUIET = { accepts: core.NO_OFFLOAD, frames() {}, writable() {}, changed() {} }

/** A batch of full-sized segments with timestamps, as most are. */
function segments(pool) {
  const batch = core.createBatch(pool, BATCH)
  for (let index = 0; index < BATCH; index++) {
    const at = pool.take(FRAME)
    const { bytes, view } = pool
    bytes.fill(index + 1, at, at + FRAME)
    bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0], at)
    const ip = at + 14
    view.setUint16(ip + 2, FRAME - 14)
    bytes.set([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1], ip + 4)
    view.setUint16(ip + 10, ~pool.sum(ip, 20))
    const tcp = ip + 20
    bytes.set([0x80, 0x10, 255, 255, 0, 0, 0, 0, 1, 1, 8, 10], tcp + 12)
    view.setUint16(tcp + 16, ~pool.sum(tcp, FRAME - 34, pool.sum(ip + 12, 8, 6 + FRAME - 34)))
    core.pushFrame(batch, at, FRAME)
  }
  return batch
}

function perFrame() {
  const scheduler = core.createVirtualScheduler()
  const pool = core.createFramePool()
  const [near] = core.createPipe({ scheduler, pool })
  const link = armour(near, { scheduler })
  link.attach(QUIET)
  const batch = segments(pool)
  const ours = (rounds) => {
    for (let round = 0; round < rounds; round++) link.frames(batch)
    if (link.counters()['armour.framesPassed'] < rounds * BATCH) throw new Error('the armour drops good frames')
  }
  const sums = (rounds) => {
    let sum = 0
    for (let round = 0; round < rounds; round++) {
      for (let index = 0; index < BATCH; index++) sum += pool.sum(batch.head[index] + 34, FRAME - 34)
    }
    if (sum === 1) throw new Error('impossible')
  }
  return { ours, sums }
}

async function transfer(octets, isArmoured) {
  const scheduler = core.createScheduler()
  const pool = core.createFramePool()
  const [one, two] = core.createPipe({ scheduler, pool })
  const dress = (link) => (isArmoured ? armour(link, { scheduler }) : link)
  const make = (link, address) =>
    ts.createStack({
      scheduler,
      pool,
      interfaces: [{ link: dress(link), addresses: [address] }],
      settings: { probe: 'none' },
    })
  const [a, b] = await Promise.all([make(one, '10.0.0.1/24'), make(two, '10.0.0.2/24')])
  const listener = core.listen(b, { port: 80 })
  const [client, server] = await Promise.all([core.connect(a, { host: '10.0.0.2', port: 80 }), listener.accept()])
  const piece = new Uint8Array(PIECE)
  const since = performance.now()
  const writing = (async () => {
    for (let sent = 0; sent < octets; sent += PIECE) await client.write(piece)
    await client.end()
  })()
  let received = 0
  for (;;) {
    const read = await server.read()
    if (read === null) break
    received += read.length
  }
  await writing
  const seconds = (performance.now() - since) / 1000
  if (received < octets) throw new Error('octets are missing')
  await Promise.all([client.close(), server.close(), a.close(), b.close()])
  return octets / seconds
}

export const names = ['armour.frame', 'armour.bulk']

export async function run(wanted, { quick, rounds, report }) {
  if (wanted.includes('armour.frame')) {
    const { ours, sums } = perFrame()
    const rate = (work) => {
      const since = performance.now()
      work(2000)
      return (2000 * BATCH) / ((performance.now() - since) / 1000)
    }
    const medians = await interleaved({ sums: async () => rate(sums), ours: async () => rate(ours) }, rounds)
    tell(
      report,
      'armour.frame',
      'frames of 1514 octets inspected, against their checksum alone',
      medians.get('ours') / 1e6,
      medians.get('sums') / 1e6,
      'M/s',
      0.2,
    )
  }
  if (wanted.includes('armour.bulk')) {
    const octets = quick ? 32 * 1024 * 1024 : 128 * 1024 * 1024
    const medians = await interleaved(
      { bare: () => transfer(octets, false), ours: () => transfer(octets, true) },
      rounds,
    )
    tell(
      report,
      'armour.bulk',
      'bulk over a pipe, MTU 1500, both stacks behind the armour',
      medians.get('ours') / 1e6,
      medians.get('bare') / 1e6,
      'MB/s',
      0.75,
    )
  }
}

function tell(report, name, title, value, base, unit, goal) {
  report({ name, title, value, unit, base, ratio: value / base, goal, atLeast: true })
}
