/**
 * Two backends compared: the same programs on one, on the other, and across them have the same outcome for the program (P-25).
 *
 * @module
 */
import type { Backend } from '@ioth/core'
import fc from 'fast-check'
import { describe } from 'vitest'
import { streamPlans } from './arbitraries/stream-plan.ts'
import { withLan } from './lan/lan.ts'
import { Service } from './lan/service.ts'
import { notClaimedCalls, REAL_COMMANDS, type SocketCommand, socketCommands } from './model/socket-commands.ts'
import { SocketWorld } from './model/socket-world.ts'
import { type Registrar, Suite, vitest } from './suite.ts'

export interface PairOptions {
  /**
   * `virtual` where both can; `real`: on the host's clock, as libraries in C need it, comparing what has settled.
   * @default virtual when both backends can do it
   */
  readonly time?: 'virtual' | 'real'
  /** @internal who takes the tests */
  readonly registrar?: Registrar
}

/** Runs of each property in real time, where a second is a second. */
const REAL_RUNS = 5
const PATIENCE_MS = { virtual: 600_000, real: 20_000 }

/** Registers the comparison of two backends with vitest. Either is also compared with itself, so that a fault of its own shows as such. */
export function testPair(first: Backend, second: Backend, options: PairOptions = {}): void {
  const bothVirtual = first.capabilities.virtualTime && second.capabilities.virtualTime
  const time = options.time ?? (bothVirtual ? 'virtual' : 'real')
  describe(`${first.name} and ${second.name}, ${time} time`, () => {
    const suite = new Suite(
      { name: `${first.name} and ${second.name}`, backend: first, peer: second },
      options.registrar ?? vitest,
    )
    compare(suite, [first, second], { time, runs: time === 'virtual' ? undefined : REAL_RUNS })
  })
}

interface Comparison {
  readonly time: 'virtual' | 'real'
  /** Of each property. @default as asked for by the environment */
  readonly runs: number | undefined
}

/** Registers the comparisons with a suite. */
export function compare(suite: Suite, backends: readonly [Backend, Backend], comparison: Comparison): void {
  comparePrograms(suite, backends, comparison)
  compareStreams(suite, backends, comparison)
}

/** All ways to put two backends on the two hosts. */
function pairings([a, b]: readonly [Backend, Backend]): readonly (readonly [Backend, Backend])[] {
  return [
    [a, a],
    [b, b],
    [a, b],
    [b, a],
  ]
}

/** Programs of socket calls. Each stack is held against the reference model on the way; what the programs saw is then compared. */
function comparePrograms(suite: Suite, backends: readonly [Backend, Backend], { time, runs }: Comparison): void {
  const isVirtual = time === 'virtual'
  const commands = socketCommands({
    cuts: isVirtual,
    replayPath: suite.settings.commands,
    most: isVirtual ? 40 : REAL_COMMANDS,
    without: notClaimedCalls(backends),
  })
  const outcome = (pair: readonly [Backend, Backend], program: Iterable<SocketCommand>, seed: number, family: 4 | 6) =>
    withLan(
      { hosts: pair.map((backend) => ({ backend })), seed, family, time, name: nameOf('P-25', pair) },
      async (lan) => {
        const world = await SocketWorld.create({ lan, a: lan.host(0), b: lan.host(1) })
        await fc.asyncModelRun(() => ({ model: world.model, real: world }), program)
        await world.end()
        return world.transcript
      },
    )
  suite.familyProperty(
    'P-25 the same programs of socket calls have the same outcome on both, and across them',
    commands,
    async (program, seed, family) => {
      await allTheSame(backends, (pair) => outcome(pair, program, seed, family))
    },
    runs,
  )
}

/** Conversations: the data, the ends of the streams, and the class of the errors. */
function compareStreams(suite: Suite, backends: readonly [Backend, Backend], { time, runs }: Comparison): void {
  const isVirtual = time === 'virtual'
  suite.familyProperty(
    'P-25 the same conversations have the same outcome on both, and across them',
    fc.array(streamPlans(isVirtual ? suite.octets(40_000) : 20_000), { minLength: 1, maxLength: 4 }),
    async (plans, seed, family) => {
      const converse = (pair: readonly [Backend, Backend]) =>
        withLan(
          { hosts: pair.map((backend) => ({ backend })), seed, family, time, name: nameOf('P-25', pair) },
          async (lan) => {
            const service = new Service(lan.host(1), 80)
            const talks = plans.map(({ client, server }) => service.converse(lan.host(0), client, server))
            const isOver = (): boolean => talks.every(({ client, server }) => client.isOver && server?.isOver === true)
            await lan.until(isOver, PATIENCE_MS[time], () => talks.join('\n'))
            return talks.map(({ up, down, client, server }) => [
              `${up.read} octets up${up.endSeen ? ' and the end' : ''}, ${client.error?.code ?? 'no error'}`,
              `${down.read} octets down${down.endSeen ? ' and the end' : ''}, ${server?.error?.code ?? 'no error'}`,
            ])
          },
        )
      await allTheSame(backends, converse)
    },
    runs,
  )
}

/** @throws Error at the first place where two pairings differ. */
async function allTheSame<Outcome>(
  backends: readonly [Backend, Backend],
  run: (pair: readonly [Backend, Backend]) => Promise<readonly Outcome[]>,
): Promise<void> {
  let expected: { readonly name: string; readonly outcome: readonly Outcome[] } | null = null
  for (const pair of pairings(backends)) {
    const name = nameOf('', pair)
    const outcome = await run(pair)
    expected ??= { name, outcome }
    const place = outcome.findIndex((line, index) => `${line}` !== `${expected?.outcome[index]}`)
    if (place === -1 && outcome.length === expected.outcome.length) continue
    const at = place === -1 ? Math.min(outcome.length, expected.outcome.length) : place
    throw new Error(`step ${at}: "${outcome[at]}" on ${name}, "${expected.outcome[at]}" on ${expected.name}`)
  }
}

function nameOf(test: string, [a, b]: readonly [Backend, Backend]): string {
  return `${test} ${a.name}-${b.name}`.trim()
}
