import { createFramePool, createVirtualScheduler, type LinkState, NO_OFFLOAD } from '@ioth/core'
import { expect, it } from 'vitest'
import { CarrierLink } from './carrier-link.ts'

it('who attaches after the carrier has ended is told so, once', () => {
  const scheduler = createVirtualScheduler({ seed: 1 })
  const link = new CarrierLink({ scheduler, pool: createFramePool(), mtu: 1500, name: '-' })
  link.ended('standard input has ended', true)
  scheduler.advance(1000)
  const told: (readonly [LinkState, string | undefined])[] = []
  const changed = (state: LinkState, reason?: Error): void => void told.push([state, reason?.message])
  link.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed })
  scheduler.advance(1000)
  expect(told).toEqual([['closed', '-: standard input has ended']])
})
