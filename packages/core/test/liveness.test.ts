import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const core = new URL('../dist/index.js', import.meta.url)

/** Runs a program to its end and gives what it printed. A program that is kept alive is ended, and the test fails. */
function run(program: string): string {
  if (!existsSync(fileURLToPath(core))) throw new Error('core is not built; run: npm run build')
  const source = `import { createScheduler, createPipe, createFramePool, Timer, Job } from ${JSON.stringify(core.href)}
    const scheduler = createScheduler()
    class Alarm extends Timer { constructor(work) { super(); this.fire = work } }
    class Task extends Job { constructor(work) { super(); this.run = work } }
    process.on('exit', () => console.log('exit'))
    ${program}`
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  if (error !== undefined) throw error
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

describe('what keeps a process alive', () => {
  it('timers do not', () => {
    expect(run('scheduler.clock.arm(new Alarm(() => console.log("fired")), scheduler.clock.now + 3_600_000_000)')).toBe(
      'exit\n',
    )
  })

  it('queued work is carried to its end, also what it causes', () => {
    const program = `
      let left = 1000
      const task = new Task(() => { if (--left > 0) scheduler.defer(task); else console.log('done') })
      scheduler.defer(task)`
    expect(run(program)).toBe('done\nexit\n')
  })

  it('a hold does, until it is released; timers fire meanwhile', () => {
    const program = `
      scheduler.hold()
      scheduler.hold()
      scheduler.release()
      scheduler.clock.arm(new Alarm(() => { console.log('fired'); scheduler.release() }), scheduler.clock.now + 20_000)`
    expect(run(program)).toBe('fired\nexit\n')
  })

  it('holding again after a release works', () => {
    const program = `
      scheduler.hold()
      scheduler.release()
      scheduler.hold()
      scheduler.clock.arm(new Alarm(() => { console.log('fired'); scheduler.release() }), scheduler.clock.now + 20_000)`
    expect(run(program)).toBe('fired\nexit\n')
  })
})
