import { createVirtualScheduler } from '@ioth/core'
import type { Callbacks } from '@ioth/ffi'
import { describe, expect, it } from 'vitest'
import type { Pico } from './bindings.ts'
import { Engine, PicoUser } from './engine.ts'

class Listener extends PicoUser {
  override happened(): void {}
}

const SECOND = 1_000_000

describe('the heartbeat', () => {
  const create = (): { engine: Engine; ticksWithin: (microseconds: number) => number } => {
    const virtual = createVirtualScheduler()
    let ticks = 0
    const tick = (): null => {
      ticks++
      return null
    }
    const pico = { tick, error: () => 0 } as unknown as Pico
    const callbacks = { add: () => 0n } as unknown as Callbacks
    const engine = new Engine(
      pico,
      callbacks,
      virtual,
      () => {},
      () => {},
    )
    engine.start()
    const ticksWithin = (microseconds: number): number => {
      const before = ticks
      virtual.advance(microseconds)
      return ticks - before
    }
    return { engine, ticksWithin }
  }

  it('is slow without connections, quick with them, and slow again when nothing happens', () => {
    const { engine, ticksWithin } = create()
    ticksWithin(SECOND)
    expect(ticksWithin(10 * SECOND)).toBe(100)
    engine.register(1n, new Listener(), true)
    engine.touch()
    expect(ticksWithin(SECOND)).toBeGreaterThanOrEqual(100)
    ticksWithin(SECOND)
    expect(ticksWithin(10 * SECOND)).toBe(100)
    engine.stop()
  })

  it('is quick from the moment on in which something happens', () => {
    const { engine, ticksWithin } = create()
    engine.register(1n, new Listener(), true)
    ticksWithin(5 * SECOND)
    engine.moved()
    // A frame came: what the library waits for now may be due in 70 ms.
    expect(ticksWithin(SECOND / 10)).toBeGreaterThanOrEqual(10)
    engine.stop()
  })
})
