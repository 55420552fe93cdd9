/**
 * Random programs of socket calls on the host's clock: against the reference model (P-23), and compared with another stack (P-25).
 *
 * @module
 */
import fc from 'fast-check'
import { notClaimedCalls, REAL_COMMANDS, socketCommands } from '../model/socket-commands.ts'
import { SocketWorld } from '../model/socket-world.ts'
import type { Suite } from '../suite.ts'
import { compare } from '../test-pair.ts'
import type { Profile } from './lines.ts'

export function programs(suite: Suite, { runs }: Profile): void {
  const { backends, settings } = suite
  suite.familyProperty(
    'P-23 real time: random programs of socket calls do what the reference model says',
    socketCommands({
      cuts: false,
      replayPath: settings.commands,
      most: REAL_COMMANDS,
      without: notClaimedCalls(backends),
    }),
    (commands, seed, family) =>
      suite.withScene('P-23', { seed, family }, async (scene) => {
        const world = await SocketWorld.create(scene)
        await fc.asyncModelRun(() => ({ model: world.model, real: world }), commands)
        await world.end()
      }),
    runs,
  )
  const [backend, peer] = backends
  if (backend.name !== peer.name) compare(suite, [backend, peer], { time: 'real', runs })
}
