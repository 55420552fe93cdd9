/**
 * Random programs of socket calls against a reference model: the same results, errors and events after each call (P-23).
 *
 * @module
 */
import fc from 'fast-check'
import { notClaimedCalls, socketCommands } from '../model/socket-commands.ts'
import { SocketWorld } from '../model/socket-world.ts'
import type { Suite } from '../suite.ts'

export function socketModel(suite: Suite): void {
  suite.familyProperty(
    'P-23 random programs of socket calls, time and cut lines do what the reference model says',
    socketCommands({
      cuts: suite.isVirtual,
      replayPath: suite.settings.commands,
      without: notClaimedCalls(suite.backends),
    }),
    (commands, seed, family) =>
      suite.withScene('P-23', { seed, family }, async (scene) => {
        const world = await SocketWorld.create(scene)
        await fc.asyncModelRun(() => ({ model: world.model, real: world }), commands)
        await world.end()
      }),
  )
}
