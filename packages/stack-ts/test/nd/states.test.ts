/** The states of a neighbour (RFC 4861 7.2, 7.3) and what each message makes of them, as the stack shows them. */
import {
  craftNeighborAdvertisement,
  craftNeighborSolicitation,
  full6,
  type Host,
  type Lan,
  NA,
  ND,
  octets6,
  ScriptedRouter,
  sourceLink,
  targetLink,
  withLan,
} from '@ioth/conformance'
import { parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { backend } from '../../src/index.ts'

const NEIGHBOR = 'fc00::66'
const OTHER_MAC = [2, 0x77, 0, 0, 0, 0x77]
const HERE = '02:66:00:00:00:66'
const THERE = '02:77:00:00:00:77'

interface Link {
  readonly lan: Lan
  readonly host: Host
  readonly neighbor: ScriptedRouter
}

async function onLink(body: (link: Link) => Promise<void>): Promise<void> {
  await withLan({ hosts: [], name: 'neighbour states' }, async (lan) => {
    const neighbor = new ScriptedRouter(lan)
    neighbor.answers.add(full6(NEIGHBOR))
    const host = await lan.join({ backend, address: 'fc00::1/64' })
    await lan.wait(5000)
    await body({ lan, host, neighbor })
  })
}

function entry(host: Host): { state: string; mac: string } | undefined {
  return [...host.stack.neighbors.list()].find(({ address }) => `${address}` === NEIGHBOR)
}

function say(host: Host): void {
  const socket = host.stack.openUdp(6)
  socket.send(Uint8Array.of(1), 0, 1, parseIpAddress(NEIGHBOR), 9)
  host.stack.flush()
  socket.close()
}

type State = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE'

/** Brings the entry into a state. */
async function reach(state: State, { lan, host, neighbor }: Link): Promise<void> {
  if (state === 'INCOMPLETE') neighbor.answers.delete(full6(NEIGHBOR))
  say(host)
  await lan.wait(20)
  if (state !== 'INCOMPLETE' && state !== 'REACHABLE') {
    neighbor.answers.delete(full6(NEIGHBOR))
    await lan.wait(60_000)
    if (state !== 'STALE') say(host)
    await lan.wait(state === 'PROBE' ? 5500 : 20)
  }
  expect(entry(host)?.state).toBe(state)
}

/**
 * RFC 4861 7.2.5: flags S and O, whether the address is another (`diff`), the same, or not said; what becomes of the entry from each state.
 * A dot: as it was. One departure: "solicited" from a new place, without a question of ours, is not taken for an answer (P-21).
 */
const TABLE: readonly (readonly [S: 0 | 1, O: 0 | 1, link: 'same' | 'diff' | 'none', ...outcomes: string[]])[] = [
  //                 INCOMPLETE        REACHABLE        STALE            DELAY            PROBE
  [0, 0, 'same', 'STALE here', '.', '.', '.', '.'],
  [0, 1, 'same', 'STALE here', '.', '.', '.', '.'],
  [1, 0, 'same', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here'],
  [1, 1, 'same', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here'],
  [0, 0, 'diff', 'STALE there', 'STALE here', '.', '.', '.'],
  [1, 0, 'diff', 'REACHABLE there', 'STALE here', '.', '.', '.'],
  [0, 1, 'diff', 'STALE there', 'STALE there', 'STALE there', 'STALE there', 'STALE there'],
  [1, 1, 'diff', 'REACHABLE there', 'STALE there', 'STALE there', 'STALE there', 'REACHABLE there'],
  [0, 0, 'none', '.', '.', '.', '.', '.'],
  [1, 1, 'none', '.', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here', 'REACHABLE here'],
]
const STATES: readonly State[] = ['INCOMPLETE', 'REACHABLE', 'STALE', 'DELAY', 'PROBE']

for (const [S, O, link, ...outcomes] of TABLE) {
  test(`R-ND-03 P-21 an advertisement with S=${S} O=${O} and ${link} link-layer address, in every state`, async () => {
    for (const [index, state] of STATES.entries()) {
      await onLink(async (scene) => {
        const { lan, host, neighbor } = scene
        await reach(state, scene)
        const before = entry(host)
        const options = link === 'none' ? [] : targetLink(link === 'same' ? neighbor.mac : OTHER_MAC)
        const flags = (S === 1 ? NA.solicited : 0) | (O === 1 ? NA.override : 0)
        neighbor.send(craftNeighborAdvertisement(octets6(NEIGHBOR), flags, options), {
          source: octets6(NEIGHBOR),
          destination: octets6('fc00::1'),
        })
        // Just long enough: what waited for the answer leaves, and that alone moves STALE on.
        await lan.wait(1)
        const outcome = outcomes[index] as string
        const [wanted, place] = outcome === '.' ? [before?.state, before?.mac] : outcome.split(' ')
        const states = state === 'INCOMPLETE' && wanted === 'STALE' ? ['STALE', 'DELAY'] : [wanted]
        expect(states, `${state}: ${entry(host)?.state}`).toContain(entry(host)?.state)
        expect(entry(host)?.mac, state).toBe(place === 'here' ? HERE : place === 'there' ? THERE : before?.mac)
      })
    }
  })
}

test('R-ND-03 a solicitation makes a stale entry, and a new place makes one stale; the same place changes nothing', async () => {
  await onLink(async ({ lan, host, neighbor }) => {
    const ask = (mac: readonly number[]): void =>
      neighbor.send(craftNeighborSolicitation(octets6('fc00::1'), sourceLink(mac)), {
        source: octets6(NEIGHBOR),
        destination: octets6('ff02::1:ff00:1'),
      })
    ask(neighbor.mac)
    await lan.wait(1)
    // Our answer is the first thing sent to it.
    expect(entry(host)).toMatchObject({ state: 'DELAY', mac: HERE })
    await lan.wait(6000)
    expect(entry(host)?.state).toBe('REACHABLE')
    ask(neighbor.mac)
    await lan.wait(1)
    expect(entry(host)?.state).toBe('REACHABLE')
    ask(OTHER_MAC)
    await lan.wait(1)
    expect(entry(host)).toMatchObject({ state: 'DELAY', mac: THERE })
  })
})

test('R-ND-03 an answer is good for 15 to 45 seconds, another while for each stack', async () => {
  const times: number[] = []
  for (let seed = 1; seed <= 12; seed++) {
    await withLan({ hosts: [], name: 'reachable time', seed }, async (lan) => {
      const neighbor = new ScriptedRouter(lan)
      neighbor.answers.add(full6(NEIGHBOR))
      const host = await lan.join({ backend, address: 'fc00::1/64' })
      say(host)
      await lan.wait(10)
      const since = lan.now
      let waited = 0
      while (entry(host)?.state === 'REACHABLE' && waited < 60) {
        await lan.wait(1000)
        waited++
      }
      times.push((lan.now - since) / 1_000_000)
    })
  }
  for (const time of times) {
    expect(time).toBeGreaterThanOrEqual(15)
    expect(time).toBeLessThanOrEqual(46)
  }
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(5)
})

test('R-ND-05 what a router says of reachable time and retransmission is used', async () => {
  await withLan({ hosts: [], name: 'timers of routers' }, async (lan) => {
    const router = new ScriptedRouter(lan)
    router.advertisement = { reachable: 2000, retransmit: 300 }
    const host = await lan.join({ backend, slaac: true })
    await lan.wait(5000)
    const since = lan.now
    const socket = host.stack.openUdp(6)
    socket.send(Uint8Array.of(1), 0, 1, parseIpAddress('fe80::99'), 9)
    await lan.wait(5000)
    const asked = router.said(ND.neighborSolicitation, since).map(({ time }) => Math.round((time - since) / 100_000))
    expect(asked).toEqual([0, 3, 6])
    const [state] = [...host.stack.neighbors.list()].filter(
      ({ address }) => `${address.withScope(0)}` === router.address,
    )
    expect(state?.state).toBe('STALE')
    socket.close()
  })
})
