/**
 * Frames a second through our switch, against Debian's vde_switch that carries the same traffic between the same processes; and a thousand
 * ports on one switch. Without vde_switch (apt-get install vde2) there is nothing to compare with, and the first are left out.
 */
import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interleaved } from './measure.mjs'
import { core, loadVde } from './packages.mjs'
import { withSwitch as beside } from './processes.mjs'

const LENGTHS = [64, 1514]
const PLUGS = { stream: { goal: 2, suffix: '' }, vde: { goal: 1, suffix: '[ctl]' } }

export const names = [
  ...Object.keys(PLUGS).flatMap((plug) => LENGTHS.map((length) => `frames.${plug}.${length}`)),
  'switch.ports',
]

export async function run(wanted, { quick, rounds, report }) {
  if (wanted.includes('switch.ports')) report(await manyPorts(quick))
  const frames = wanted.filter((name) => name.startsWith('frames.'))
  if (frames.length === 0) return
  if (spawnSync('vde_switch', ['--version']).error !== undefined) {
    process.stderr.write('no vde_switch to compare with: apt-get install vde2\n')
    return
  }
  const ms = quick ? 500 : 1500
  await beside(async (ours) => {
    await besideVdeSwitch(async (theirs) => {
      for (const length of LENGTHS) {
        const mine = frames.filter((name) => name.endsWith(`.${length}`))
        if (mine.length === 0) continue
        const pairs = { vde_switch: await pair(theirs, length) }
        for (const name of mine) pairs[name] = await pair(`vde://${ours}${PLUGS[name.split('.')[1]].suffix}`, length)
        const contestants = Object.fromEntries(
          Object.entries(pairs).map(([name, each]) => [name, () => each.measure(ms)]),
        )
        const medians = await interleaved(contestants, rounds)
        for (const each of Object.values(pairs)) await each.stop()
        const base = medians.get('vde_switch')
        for (const name of mine) {
          const plug = name.split('.')[1]
          report({
            name,
            title: `${length} B frames through the switch, ${plug} plug, against vde_switch`,
            value: medians.get(name) / 1000,
            base: base / 1000,
            unit: 'kframe/s',
            ratio: medians.get(name) / base,
            goal: PLUGS[plug].goal,
            atLeast: true,
          })
        }
      }
    })
  })
}

/** Debian's switch, in the foreground: it lives as long as its standard input is open. */
async function besideVdeSwitch(work) {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-bench-'))
  const dir = join(folder, 'vde')
  const child = spawn('vde_switch', ['-s', dir, '-n', '64'], { stdio: ['pipe', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  try {
    while (!existsSync(join(dir, 'ctl'))) {
      if (child.exitCode !== null) throw new Error('vde_switch did not start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return await work(dir)
  } finally {
    child.kill()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A process that sends as much as it can, and one that counts. */
async function pair(vnl, length) {
  const receiver = await framePeer(vnl, length)
  const sender = await framePeer(vnl, length)
  return {
    async measure(ms) {
      await receiver.ask({ receive: true })
      await sender.ask({ send: ms })
      const { frames, seconds } = await receiver.ask({ stop: true })
      return frames / seconds
    },
    async stop() {
      await sender.stop()
      await receiver.stop()
    },
  }
}

async function framePeer(vnl, length) {
  const child = fork(fileURLToPath(new URL('./frame-peer.mjs', import.meta.url)), [vnl, String(length)])
  await once(child, 'message')
  return {
    async ask(message) {
      child.send(message)
      const [answer] = await once(child, 'message')
      return answer
    },
    async stop() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

/**
 * Many plugs on one switch, all in this process, one of which speaks to all: what a broadcast costs for each that hears it, against the same
 * with a tenth of the plugs.
 */
async function manyPorts(quick) {
  const count = quick ? 200 : 1000
  const few = await broadcastCost(count / 10)
  const many = await broadcastCost(count)
  return {
    name: 'switch.ports',
    title: `a broadcast on a switch with ${count} ports, each hearing, against ${count / 10}`,
    value: many,
    base: few,
    unit: 'us',
    ratio: many / few,
    goal: 2,
    atLeast: false,
  }
}

/** Microseconds for one broadcast to reach one of so many plugs. */
async function broadcastCost(count) {
  return await beside(async (dir) => {
    const { createBatch, defaultPool, NO_OFFLOAD, pushFrame } = core
    const pool = defaultPool()
    const { openVnl } = await loadVde()
    let heard = 0
    let all = () => {}
    let expected = 0
    const links = []
    for (let number = 0; number < count; number++) {
      const link = await openVnl(dir, { name: `port ${number}` })
      link.attach({
        accepts: NO_OFFLOAD,
        frames(batch) {
          heard += batch.count
          if (heard >= expected) all()
        },
        writable() {},
        changed() {},
      })
      links.push(link)
    }
    const broadcasts = 200
    expected = broadcasts * (count - 1)
    const done = new Promise((resolve) => {
      all = resolve
    })
    const begin = performance.now()
    const batch = createBatch(pool, broadcasts)
    for (let number = 0; number < broadcasts; number++) {
      const at = pool.take(64)
      pool.bytes.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], at)
      pushFrame(batch, at, 64)
    }
    links[0].send(batch)
    await done
    const us = ((performance.now() - begin) * 1000) / expected
    await Promise.all(links.map((link) => link.close()))
    return us
  })
}
