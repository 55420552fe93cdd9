/** The hostile corpus against one backend in real time: whatever comes, the process lives, and a client is served in between. */
import { writeFileSync } from 'node:fs'
import { parseMac, toBytes } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { expect, it } from 'vitest'
import { Dice } from '../../src/arbitraries/hostile-dice.ts'
import { hostileFrameFrom } from '../../src/arbitraries/hostile-forge.ts'
import { mutateFields, mutateOctets } from '../../src/arbitraries/hostile-mutation.ts'
import { createLan, type Host, Service } from '../../src/index.ts'
import { ATTACKER } from '../../src/suites/hostile-campaign.ts'
import { loadSubject } from './subjects.ts'

const { SUBJECT = 'ts', FRAMES = '100000', OUT } = process.env
const ROUND = 64
/** A client is served each time so many frames have come. */
const BETWEEN = 10_000
const NOBODY = [10, 0, 0, 250]

it(`H-01 to H-43: ${FRAMES} hostile frames, and still serving`, async () => {
  const frames = Number(FRAMES)
  const lan = await createLan({
    hosts: [{ backend: await loadSubject(SUBJECT) }, { backend: ts }],
    time: 'real',
    name: `corpus ${SUBJECT}`,
  })
  const [a, b] = [lan.host(0), lan.host(1)]
  const service = new Service(a, 80)
  await expectServed(service, b)
  const recorded: Uint8Array[] = []
  const tap = lan.tap((frame) => {
    // ARP and neighbour discovery have no secrets: a changed copy is a lie about an address, and whoever lies twice gets it (RFC 5227 2.4).
    if (!isTalk(frame)) return
    if (recorded.length === 64) recorded.shift()
    recorded.push(frame)
  })
  const dice = new Dice(Number(process.env.IOTH_SEED ?? 1))
  const field = { victim: victim(a), attacker: ATTACKER, ports: [80, 53], nobody: NOBODY }
  let sent = 0
  while (sent < frames) {
    for (let number = 0; number < ROUND && sent < frames; number++, sent++) tap.send(hostile())
    await new Promise((resolve) => setImmediate(resolve))
    if (sent % BETWEEN < ROUND) await expectServed(service, b)
    // What is recorded of the hosts would fill the memory.
    for (const host of [a, b]) host.frames.length = 0
  }
  await expectServed(service, b)
  const drops = Object.entries(a.stack.counters()).filter(([name]) => name.startsWith('drop.'))
  const dropped = drops.reduce((sum, [, count]) => sum + count, 0)
  if (OUT !== undefined) writeFileSync(OUT, `${sent} sent, ${dropped} dropped for ${drops.length} reasons`)
  service.close()
  await tap.close()
  await lan.close()

  /** H-43: one in eight is a frame that was on the wire, changed. */
  function hostile(): Uint8Array {
    const original = recorded[dice.below(Math.max(1, recorded.length))]
    if (original === undefined || !dice.oneIn(8)) return hostileFrameFrom(dice, field)
    return dice.oneIn(2) ? mutateFields(original, dice) : mutateOctets(original, dice)
  }

  /** Answers may be lost to mutated copies of the conversation itself; a new client is another conversation. */
  async function expectServed(of: Service, from: Host): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const talk = of.converse(from, { send: 3000 }, { send: 3000 })
      try {
        await lan.until(
          () => talk.isDone,
          10_000,
          () => `a client to be served after ${sent} frames: ${talk}`,
        )
        return
      } catch (error) {
        if (attempt === 3) throw error
      }
    }
  }
}, 3_600_000)

function victim({ stack, address }: Host): { mac: number[]; ip4: number[]; ip6: number[] | null } {
  const [plug] = stack.interfaces
  const six = plug?.addresses.find((entry) => entry.address.family === 6)
  expect(plug).toBeDefined()
  return {
    mac: Array.from(parseMac(plug?.mac as string)),
    ip4: Array.from(toBytes(address)),
    ip6: six === undefined ? null : Array.from(toBytes(six.address)),
  }
}

/** TCP, UDP and echoes over IPv4, and TCP over IPv6. */
function isTalk(frame: Uint8Array): boolean {
  return (frame[12] === 0x08 && frame[13] === 0x00) || (frame[12] === 0x86 && frame[20] === 6)
}
