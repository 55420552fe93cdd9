import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SocksNegotiation, socksCode } from './socks.ts'

const GREETING = [5, 2, 0, 2]
const LOGIN = [1, 2, 0x6d, 0x65, 3, 0x73, 0x65, 0x63]
const BY_NAME = [5, 1, 0, 3, 3, 0x77, 0x65, 0x62, 0, 80]
const BY_V4 = [5, 1, 0, 1, 10, 40, 0, 32, 0x1f, 0x90]
const BY_V6 = [5, 1, 0, 4, 0xfc, ...new Array(14).fill(0), 0x32, 0, 80]

/** All that is said, whatever pieces the octets come in. */
function converse(octets: readonly number[], cuts: readonly number[], password: string | null = null) {
  const negotiation = new SocksNegotiation(password)
  const said: number[] = []
  let have = new Uint8Array(0)
  const pieces = [...new Set([...cuts.map((cut) => cut % octets.length), octets.length])].sort((a, b) => a - b)
  let from = 0
  for (const to of pieces) {
    have = Uint8Array.of(...have, ...octets.slice(from, to))
    from = to
    for (;;) {
      const step = negotiation.next(have)
      if (step.kind === 'more') break
      if (step.kind === 'refuse') return { refused: [...step.octets], said }
      have = have.subarray(step.used)
      if (step.kind === 'connect') return { host: step.host, port: step.port, said }
      said.push(...step.octets)
    }
  }
  return { said }
}

describe('SOCKS 5', () => {
  test.each([
    [BY_NAME, 'web', 80],
    [BY_V4, '10.40.0.32', 8080],
    [BY_V6, 'fc00::32', 80],
  ])('a request, in whatever pieces', (request, host, port) => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (cuts) => {
        expect(converse([...GREETING, ...request], cuts)).toEqual({ host, port, said: [5, 0] })
        expect(converse([...GREETING, ...LOGIN, ...request], cuts, 'me:sec')).toEqual({
          host,
          port,
          said: [5, 2, 1, 0],
        })
      }),
    )
  })

  test('what is refused', () => {
    expect(converse([5, 1, 0], [], 'me:sec')).toEqual({ refused: [5, 0xff], said: [] })
    expect(converse([4, 1, 0, 80], [])).toEqual({ refused: [5, 0xff], said: [] })
    expect(converse([...GREETING, ...LOGIN], [], 'me:other')).toEqual({ refused: [1, 1], said: [5, 2] })
    expect(converse([...GREETING, 5, 3, ...BY_V4.slice(2)], [])).toMatchObject({
      said: [5, 0],
      refused: [5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
    })
    expect(converse([...GREETING, 5, 1, 0, 9, 0], [])).toMatchObject({ refused: [5, 8, 0, 1, 0, 0, 0, 0, 0, 0] })
  })

  test('arbitrary octets never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.array(fc.nat()), (octets, cuts) => {
        converse([...octets], cuts, 'me:sec')
        converse([5, 1, 0, ...octets], cuts)
      }),
    )
  })

  test('errors of a stack have their words', () => {
    expect(
      ['ECONNREFUSED', 'ENETUNREACH', 'ENOTFOUND', 'EHOSTUNREACH', 'EPIPE'].map((code) => socksCode({ code })),
    ).toEqual([5, 3, 4, 4, 1])
  })
})
