import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const core = new URL('../dist/index.js', import.meta.url)

/** A host with no more than a browser worker has, whose content policy refuses WebAssembly. */
const program = `
  process.getBuiltinModule = undefined
  process._tickCallback = undefined
  for (const name of ['setImmediate', 'clearImmediate', 'WebAssembly', 'Buffer']) delete globalThis[name]
  const { createScheduler, createFramePool, createPipe, createBatch, pushFrame, NO_OFFLOAD, Pollable, READABLE, Timer } =
    await import(${JSON.stringify(core.href)})
  const scheduler = createScheduler()
  const pool = createFramePool()
  const [a, b] = createPipe({ scheduler, pool })
  const sink = { accepts: NO_OFFLOAD, frames(batch) { console.log('frames', batch.count) }, writable() {}, changed() {} }
  b.attach(sink)
  const at = pool.take(100)
  pool.bytes.set([1, 2, 3], at)
  console.log('sum', pool.sum(at, 3))
  const batch = createBatch(pool)
  pushFrame(batch, at, 100)
  a.send(batch)
  class Alarm extends Timer { fire() { console.log('timer'); process.exit(0) } }
  class Source extends Pollable { scheduler = scheduler }
  for (const name of ['first', 'second']) {
    const source = new Source()
    source.interest = READABLE
    source.onReady = () => {
      source.lower(READABLE)
      console.log(name)
      Promise.resolve().then(() => console.log(name, 'promise'))
      if (name === 'second') scheduler.clock.arm(new Alarm(), scheduler.clock.now + 20_000)
    }
    source.raise(READABLE)
  }
`

describe('a host with nothing but the web platform', () => {
  it('has turns by messages, one upcall each, and checksums without WebAssembly', () => {
    if (!existsSync(fileURLToPath(core))) throw new Error('core is not built; run: npm run build')
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toEqual([
      `sum ${0x0102 + 0x0300}`,
      'frames 1',
      'first',
      'first promise',
      'second',
      'second promise',
      'timer',
      '',
    ])
  })
})
