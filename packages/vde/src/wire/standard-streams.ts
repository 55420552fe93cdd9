/**
 * The end `-` of a wire: frames on standard input and output, in the framing of vde_plug.
 *
 * @module
 */
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { CarrierLink } from '../plug/carrier-link.ts'
import { carryByStream } from '../plug/framed-stream.ts'

/** Ends when standard input does, or when nobody reads standard output any more. */
export function openStandardStreams(setup: {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}): Link {
  const { stdin, stdout } = process
  const link = new CarrierLink({ ...setup, name: '-', headroom: 2 })
  stdin.on('end', () => link.ended('standard input has ended', true))
  stdout.on('error', () => link.ended('nobody reads standard output any more', true))
  return carryByStream(link, stdin, stdout, 2, {
    fault: (why) => link.ended(`standard input is no network: ${why}`, true),
    close: () => void stdin.destroy(),
  })
}
