/**
 * The hostile corpus on the host's clock (H-01 to H-43, P-14): whatever comes, the stack lives, serves a client in between, and does not
 * answer more than it is asked.
 *
 * @module
 */
import { expect } from 'vitest'
import { Dice } from '../arbitraries/hostile-dice.ts'
import { hostileFrameFrom } from '../arbitraries/hostile-forge.ts'
import { mutateFields, mutateOctets } from '../arbitraries/hostile-mutation.ts'
import type { Host } from '../lan/host.ts'
import { createLan, type LanOptions } from '../lan/lan.ts'
import { Service } from '../lan/service.ts'
import type { Scene, Suite } from '../suite.ts'
import { attackerTap, battlefield, expectSound, isAnswer } from '../suites/hostile-campaign.ts'
import { PATIENCE_MS } from './lines.ts'

/** Frames that come before the host's loop has its turn. */
const ROUND = 64
/** Frames of talk that are kept, to be sent again in changed form. */
const REMEMBERED = 64
/** Clients that may be lost to mutated copies of their own conversation. */
const ATTEMPTS = 3
const OCTETS = 3000

export interface CorpusOptions {
  readonly frames: number
  readonly seed: number
  /** A client is served each time so many frames have come. */
  readonly between: number
}

/** What came of it. */
export interface CorpusOutcome {
  readonly sent: number
  readonly dropped: number
  readonly reasons: number
}

/** Attacks the host a of a scene; b is its client. @throws Error when a client is not served, or answers are too many. */
export async function attack({ lan, a, b }: Scene, options: CorpusOptions): Promise<CorpusOutcome> {
  const { frames, seed, between } = options
  const service = new Service(a, 80)
  await expectServed(0)
  const recorded: Uint8Array[] = []
  let [answers, octetsInAnswer, octetsSent] = [0, 0, 0]
  const tap = attackerTap(lan, (frame) => {
    if (isAnswer(frame) && isTalk(frame)) {
      answers++
      octetsInAnswer += frame.length
    }
    // ARP and neighbour discovery have no secrets: a changed copy is a lie about an address, and whoever lies twice gets it (RFC 5227 2.4).
    if (!isTalk(frame)) return
    if (recorded.length === REMEMBERED) recorded.shift()
    recorded.push(frame)
  })
  const dice = new Dice(seed)
  const field = battlefield(a, [80, 53])
  let sent = 0
  while (sent < frames) {
    for (let number = 0; number < ROUND && sent < frames; number++, sent++) {
      const frame = hostile()
      octetsSent += frame.length
      tap.send(frame)
    }
    await new Promise((resolve) => setImmediate(resolve))
    if (sent % between < ROUND) await expectServed(sent)
    forget(a, b)
  }
  await expectServed(sent)
  expect(answers, 'answers to the attacker').toBeLessThanOrEqual(sent)
  expect(octetsInAnswer, 'octets in answer to the attacker').toBeLessThanOrEqual(1.5 * octetsSent + 64 * sent)
  const drops = Object.entries(a.stack.counters()).filter(([name]) => name.startsWith('drop.'))
  service.close()
  await tap.close()
  return { sent, dropped: drops.reduce((sum, [, count]) => sum + count, 0), reasons: drops.length }

  /** H-43: one in eight is a frame that was on the wire, changed. */
  function hostile(): Uint8Array {
    const original = recorded[dice.below(Math.max(1, recorded.length))]
    if (original === undefined || !dice.oneIn(8)) return hostileFrameFrom(dice, field)
    return dice.oneIn(2) ? mutateFields(original, dice) : mutateOctets(original, dice)
  }

  /** Answers may be lost to mutated copies of the conversation itself; a new client is another conversation. */
  async function expectServed(after: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const talk = service.converse(b, { send: OCTETS }, { send: OCTETS })
      try {
        await lan.until(
          () => talk.isDone || talk.client.error !== null,
          PATIENCE_MS / ATTEMPTS,
          () => `a client to be served after ${after} frames: ${talk}`,
        )
        if (talk.isDone) return
        throw new Error(`a client was not served after ${after} frames: ${talk}`)
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
      }
    }
  }
}

/** Registers the corpus as a test. */
export function hostileCorpus(suite: Suite, frames: number): void {
  const name = `P-14 real time: ${frames} hostile frames: no harm, bounded answers, and clients are served`
  suite.plainTest(name, async () => {
    const { seed } = suite.settings
    await withCorpusLan({ hosts: [suite.host(), suite.peer()], seed, name: `${suite.subject.name} P-14` }, (scene) =>
      attack(scene, { frames, seed, between: Math.ceil(frames / 4) }),
    )
  })
}

/** A hundred thousand frames take minutes; how many is for the test's own time to say. */
const LIFE_MS = 3_600_000

/** A LAN on the host's clock, whose host a may be lied to: what it sends must be sound frame by frame, no more. */
export async function withCorpusLan<Result>(
  options: Omit<LanOptions, 'time'>,
  body: (scene: Scene) => Promise<Result>,
): Promise<Result> {
  const lan = await createLan({ realLifeMs: LIFE_MS, ...options, time: 'real' })
  try {
    const result = await body({ lan, a: lan.host(0), b: lan.host(1) })
    expectSound(lan)
    return result
  } catch (error) {
    throw lan.explain(error)
  } finally {
    await lan.close()
  }
}

/** What is recorded of the hosts would fill the memory. */
function forget(...hosts: readonly Host[]): void {
  for (const host of hosts) host.frames.length = 0
}

/** TCP, UDP and echoes over IPv4, and TCP over IPv6. */
function isTalk(frame: Uint8Array): boolean {
  return (frame[12] === 0x08 && frame[13] === 0x00) || (frame[12] === 0x86 && frame[20] === 6)
}
