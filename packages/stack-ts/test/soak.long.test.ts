/**
 * Half an hour of virtual time and five minutes of real time with fifty connections at once, each opened, closed, half-closed or aborted
 * under loss: nothing leaks and nothing gets stuck (P-02, P-03, P-08, P-11).
 *
 * `IOTH_SOAK_SECONDS` shortens the real one for whoever waits for it.
 */
import { Crowd, createLan, type Lan } from '@ioth/conformance'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'

const CONNECTIONS = 50
const VIRTUAL_SECONDS = 30 * 60
const REAL_SECONDS = Number(process.env.IOTH_SOAK_SECONDS ?? 5 * 60)
const STEP_MS = 500
/** Kept for the captures of a failure. */
const MOST_FRAMES = 50_000
const SEED = Number(process.env.IOTH_SEED ?? 1)
/** No connection lives longer: the longest waits are the retransmissions to a peer that is gone. */
const LONGEST_S = 240
/** Lines that lose, delay, repeat and reorder; and in each two minutes three seconds of nothing. */
const LINE = { loss: 0.02, delayMs: 10, jitterMs: 5, duplicate: 0.01, reorder: 0.02, reorderMs: 10 }
const OUTAGE = { every: 120, seconds: 3 }
/** Short ends, so that five minutes hold many lives. */
const settings = { tcp: { timeWaitMs: 2000, finWait2Ms: 5000, keepAliveIntervalMs: 2000, keepAliveProbes: 5 } }

describe.concurrent('a soak', () => {
  it(
    `P-11 of ${VIRTUAL_SECONDS / 60} virtual minutes ends with nothing leaked and nothing stuck`,
    () => soak('virtual', VIRTUAL_SECONDS),
    600_000,
  )
  it(
    `P-11 of ${REAL_SECONDS / 60} real minutes ends with nothing leaked and nothing stuck`,
    () => soak('real', REAL_SECONDS),
    (REAL_SECONDS + 400) * 1000,
  )
})

async function soak(time: 'virtual' | 'real', seconds: number): Promise<void> {
  const hosts = [
    { backend, settings, impair: LINE },
    { backend, settings, impair: LINE },
  ]
  const realLifeMs = (seconds + 2 * LONGEST_S) * 1000
  const lan = await createLan({ hosts, seed: SEED, time, realLifeMs, name: `soak-${time}` })
  try {
    const [client, server] = [lan.host(0), lan.host(1)]
    // Announcements of the start are still on the lines.
    await lan.wait(1000)
    const before = held(lan)
    const crowd = new Crowd({ lan, client, server, size: CONNECTIONS, seed: SEED, most: 8000, restMs: 4000 })
    const end = lan.now + seconds * 1e6
    let isOut = false
    while (lan.now < end) {
      await lan.reaches(() => false, STEP_MS)
      crowd.step()
      for (const { frames } of lan.hosts) frames.splice(0, frames.length - MOST_FRAMES)
      const second = (lan.now / 1e6) % OUTAGE.every
      if (isOut === second > OUTAGE.every - OUTAGE.seconds) continue
      isOut = !isOut
      for (const host of lan.hosts) host.impair(isOut ? { loss: 1 } : LINE)
    }
    for (const host of lan.hosts) host.impair(LINE)
    crowd.stop()
    await lan.until(
      () => {
        crowd.step()
        return crowd.open === 0
      },
      LONGEST_S * 1000,
      () => `these to end:\n${crowd}`,
    )
    crowd.step()
    crowd.close()
    await lan.until(
      () => JSON.stringify(held(lan)) === JSON.stringify(before),
      LONGEST_S * 1000,
      () => `${JSON.stringify(held(lan))} to become ${JSON.stringify(before)}`,
    )
    expect(crowd.longest / 1e6).toBeLessThanOrEqual(LONGEST_S)
    // Each way was taken often.
    const ended = Object.fromEntries(crowd.ended)
    for (const count of Object.values(ended)) expect(count).toBeGreaterThan(seconds / 10)
    expect(Object.keys(ended).length).toBe(6)
    console.log(
      `${time} soak of ${seconds} s, seed ${SEED}: ended ${JSON.stringify(ended)}, longest ${Math.round(crowd.longest / 1e6)} s`,
    )
    // A machine that is busy answers late, and TIME-WAIT within limits.
    const broken = lan.findings.filter(({ rule }) => rule !== 'tcp.ack-delay')
    expect(broken.slice(0, 5), 'frames that break the rules').toEqual([])
  } catch (error) {
    throw lan.explain(error)
  } finally {
    await lan.close()
  }
}

/** What is in use: all of it comes back when connections are over. */
function held(lan: Lan): Record<string, unknown> {
  return {
    slots: lan.pool.used,
    timers: lan.virtual?.timers,
    holds: lan.virtual?.holds,
    ports: lan.hosts.map(({ ports }) => ports.size),
    sockets: lan.hosts.map(({ stack }) => [...stack.sockets()].length),
    lingering: lan.hosts.map(({ stack }) => stack.lingering),
  }
}
