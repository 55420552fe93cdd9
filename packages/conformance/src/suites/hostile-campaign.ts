/**
 * How a campaign of hostile frames runs: in rounds of a few thousand, each on a LAN of its own with a seed of its own, so that a failure
 * names the round and the frame, and is found again from them.
 *
 * @module
 */
import { parseMac, toBytes } from '@ioth/core'
import { expect } from 'vitest'
import { Dice } from '../arbitraries/hostile-dice.ts'
import type { Battlefield, Station } from '../arbitraries/hostile-forge.ts'
import { FrameChecker } from '../checker/frame-checker.ts'
import { craftArp, craftEthernet, craftIpv6, sumOverIpv6 } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { brokenRules, createLan, type Lan } from '../lan/lan.ts'
import type { Tap } from '../lan/wire.ts'
import type { Suite } from '../suite.ts'

/** What a round gets. */
export interface Round {
  readonly lan: Lan
  readonly a: Host
  readonly b: Host
  readonly dice: Dice
  /** Frames of this round. */
  readonly frames: number
  /** Counts something for the closing line. */
  count(what: string, by?: number): void
}

/** Frames of one round: enough for states to build up, few enough to look through. */
const FRAMES_PER_ROUND = 3000

/** Real time a campaign may take; and a millisecond a frame. */
const PATIENCE_MS = 60_000

export const ATTACKER: Station = {
  mac: [2, 0x66, 0x66, 0x66, 0x66, 0x66],
  ip4: [10, 0, 0, 66],
  ip6: [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0x66, 0x66, 0xff, 0xfe, 0x66, 0x66, 0x66],
}
const NOBODY = [10, 0, 0, 250]

/** Registers a campaign. The body throws when a frame does harm; it keeps {@link Round.count} up to date for those who read along. */
export function campaign(
  suite: Suite,
  name: string,
  frames: number,
  body: (round: Round) => Promise<void>,
  ipMtu = 1500,
): void {
  if (!suite.capabilities.virtualTime) {
    suite.notClaimed(name, 'virtualTime: false; it takes hours')
    return
  }
  const { seed } = suite.settings
  suite.plainTest(
    name,
    async () => {
      const counted = new Map<string, number>()
      const count = (what: string, by = 1): void => void counted.set(what, (counted.get(what) ?? 0) + by)
      const rounds = Math.max(1, Math.ceil(frames / FRAMES_PER_ROUND))
      for (let number = 0; number < rounds; number++) {
        const ownSeed = seed * 100_000 + number
        const few = Math.min(FRAMES_PER_ROUND, frames - number * FRAMES_PER_ROUND)
        const hosts = [suite.host(), suite.peer()]
        const lan = await createLan({ hosts, seed: ownSeed, mtu: ipMtu, name: `${suite.subject.name} ${name}` })
        try {
          const [a, b] = [lan.host(0), lan.host(1)]
          await body({ lan, a, b, dice: new Dice(ownSeed), frames: few, count })
          expectSound(lan)
        } catch (error) {
          const { message } = lan.explain(error)
          throw new Error(
            `${message}\n  round ${number} of ${rounds}, seed ${seed}: IOTH_SEED=${seed} IOTH_FRAMES=${frames}`,
            {
              cause: error,
            },
          )
        } finally {
          await lan.close()
        }
      }
      count('frames', frames)
      const told = Array.from(counted, ([what, number]) => `${number} ${what}`).join(', ')
      if (frames > 100_000) console.log(`${name}: seeds ${seed * 100_000} to ${seed * 100_000 + rounds - 1}: ${told}`)
    },
    PATIENCE_MS + frames,
  )
}

/** Each frame the hosts sent is sound by itself. Rules across the frames of a connection do not hold where somebody forges its segments. */
export function expectSound(lan: Lan): void {
  const unsound = lan.findings.filter(({ text }) => !/\(\S+>\S+\)$/.test(text))
  expect(unsound.slice(0, 3), brokenRules(unsound)).toEqual([])
}

/** Says which frame did the harm. */
export function withFrame(number: number, frame: Uint8Array, check: () => void): void {
  try {
    check()
  } catch (error) {
    const octets = Array.from(frame.subarray(0, 200), (octet) => octet.toString(16).padStart(2, '0')).join('')
    throw new Error(`${(error as Error).message}\n  frame ${number}, ${frame.length} octets: ${octets}`, {
      cause: error,
    })
  }
}

/** What a host knows of itself, and whom it is attacked by. */
export function battlefield(victim: Host, ports: readonly number[]): Battlefield {
  const [on] = victim.stack.interfaces
  const ip6 = on?.addresses.find(({ address }) => address.family === 6)?.address
  return {
    victim: {
      mac: Array.from(parseMac(on?.mac as string)),
      ip4: Array.from(toBytes(victim.address)),
      ip6: ip6 === undefined ? null : Array.from(toBytes(ip6)),
    },
    attacker: ATTACKER,
    ports,
    nobody: NOBODY,
  }
}

/** A plug that tells where the attacker is when it is asked (ARP, Neighbour Discovery), so that answers to it come out at once. */
export function attackerTap(lan: Lan, hear: (frame: Uint8Array) => void = () => {}): Tap {
  const checker = new FrameChecker()
  const tap: Tap = lan.tap((frame) => {
    hear(frame)
    const asker = Array.from(frame.subarray(6, 12))
    if (frame[12] === 8 && frame[13] === 6) {
      const { arp } = checker.check(frame)
      if (arp === null || arp.operation !== 'request' || arp.targetAddress !== ATTACKER.ip4.join('.')) return
      const reply = craftArp({
        operation: 2,
        senderMac: ATTACKER.mac,
        senderAddress: ATTACKER.ip4,
        targetMac: asker,
        targetAddress: Array.from(frame.subarray(28, 32)),
      })
      tap.send(craftEthernet({ source: ATTACKER.mac, destination: asker, type: 0x806 }, reply))
    } else if (
      frame[12] === 0x86 &&
      frame[20] === 58 &&
      frame[54] === 135 &&
      isAt(frame, 62, ATTACKER.ip6 as number[])
    ) {
      const ends = { source: ATTACKER.ip6 as number[], destination: Array.from(frame.subarray(22, 38)) }
      const answer = [136, 0, 0, 0, 0x60, 0, 0, 0, ...(ATTACKER.ip6 as number[]), 2, 1, ...ATTACKER.mac]
      const packet = craftIpv6(
        { ...ends, nextHeader: 58, hopLimit: 255 },
        sumOverIpv6(ends, 58, Uint8Array.from(answer)),
      )
      tap.send(craftEthernet({ source: ATTACKER.mac, destination: asker, type: 0x86dd }, packet))
    }
  })
  return tap
}

/** Whether a frame is for the attacker. */
export function isAnswer(frame: Uint8Array): boolean {
  return isAt(frame, 0, ATTACKER.mac)
}

function isAt(frame: Uint8Array, at: number, octets: readonly number[]): boolean {
  return octets.every((octet, index) => frame[at + index] === octet)
}
