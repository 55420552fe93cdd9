/** The short profile by itself: a sound stack passes it on the host's clock, a defect is found, and what is not claimed or deviates is shown. */
import { type Backend, END, type Stack, type TcpSocket } from '@ioth/core'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { counting, withoutHalfClose } from '../examples/counting-backend.ts'
import { type FrameDeviation, type Subject, testRealTime } from '../src/index.ts'
import { backpressure } from '../src/real-time/backpressure.ts'
import { datagrams } from '../src/real-time/datagrams.ts'
import { streams } from '../src/real-time/streams.ts'
import { Suite } from '../src/suite.ts'

testRealTime({ name: 'the example', backend: counting(backend), peer: backend })

type Body = () => Promise<void> | void

/** Tests by their names, as a suite registered them. */
class Collected {
  readonly tests = new Map<string, Body>()
  readonly failing = new Map<string, Body>()
  readonly skipped: string[] = []
  readonly suite: Suite

  constructor(subject: Omit<Subject, 'name' | 'time'>, register: (suite: Suite) => void) {
    const { tests, failing, skipped } = this
    const registrar = {
      test: (name: string, body: Body) => void tests.set(name, body),
      fails: (name: string, body: Body) => void failing.set(name, body),
      skip: (name: string) => void skipped.push(name),
    }
    this.suite = new Suite({ name: 'planted', time: 'real', ...subject }, registrar)
    register(this.suite)
  }

  /** Runs the first test that begins so. */
  async failureOf(name: string): Promise<string> {
    const body = Array.from(this.tests).find(([title]) => title.startsWith(name))?.[1]
    if (body === undefined) throw new Error(`no test begins with "${name}"`)
    try {
      await body()
    } catch (error) {
      return (error as Error).message
    }
    return 'no failure'
  }
}

const profile = { lines: ['a sound line'], runs: 1 } as const

/** The TypeScript stack, with each socket it opens changed. */
function withDefect(change: (socket: TcpSocket) => void): Backend {
  return {
    ...backend,
    async createStack(options) {
      const stack: Stack = await backend.createStack(options)
      const openTcp = stack.openTcp.bind(stack)
      stack.openTcp = (family) => {
        const socket = openTcp(family)
        change(socket)
        return socket
      }
      return stack
    },
  }
}

describe('the short profile', () => {
  it('fails a stack that reads a wrong octet, in the test and not as an uncaught error', async () => {
    const wrong = withDefect((socket) => {
      const read = socket.read.bind(socket)
      socket.read = (into, offset, length) => {
        const count = read(into, offset, length)
        if (count > 0) into[offset] = (into[offset] as number) ^ 1
        return count
      }
      socket.lend = (most, sink) => {
        const piece = new Uint8Array(most)
        const count = socket.read(piece, 0, most)
        if (count > 0) sink.bytes(piece, 0, count)
        return count
      }
    })
    const suite = new Collected({ backend: wrong, peer: backend }, (each) => streams(each, profile))
    expect(await suite.failureOf('P-01')).toMatch(/octet \d+ is \d+, \d+ was written there/)
  })

  it('fails a stack that takes a reset for an end', async () => {
    const wrong = withDefect((socket) => {
      const read = socket.read.bind(socket)
      socket.read = (into, offset, length) => (socket.error === null ? read(into, offset, length) : END)
      socket.lend = () => socket.read(new Uint8Array(0), 0, 0)
    })
    const resets = new Collected({ backend: wrong, peer: wrong }, (each) => streams(each, { ...profile, runs: 8 }))
    expect(await resets.failureOf('P-02')).not.toBe('no failure')
  })

  it('fails a stack that takes more than its limits', async () => {
    const wrong = { ...backend, createStack: ({ limits: _, ...options }) => backend.createStack(options) } as Backend
    const suite = new Collected({ backend: wrong }, backpressure)
    expect(await suite.failureOf('P-10 real time: the subject stops reading')).toContain('octets taken')
  })

  it('shows what is not claimed', () => {
    const none = { ...backend, capabilities: { ...backend.capabilities, udp: 'none' } } as Backend
    const { skipped, tests } = new Collected({ backend: withoutHalfClose(none) }, (suite) => {
      streams(suite, profile)
      datagrams(suite, profile)
    })
    expect(skipped.map((name) => name.replace(/^(P-\d+).* \(/, '$1 ('))).toEqual([
      'P-08 (not claimed: halfClose: on-close)',
      'P-22 (not claimed: udp: none)',
    ])
    expect([...tests.keys()].some((name) => name.startsWith('P-22'))).toBe(false)
  })

  it('counts frames that are known to break a rule, and says when none does any more', async () => {
    const frameDeviations: FrameDeviation[] = [{ rule: 'ethernet.source', reason: 'frames without a sender' }]
    const { failing, suite } = new Collected({ backend, frameDeviations }, (each) => each.checkFrameDeviations())
    const [[shown, look] = ['', () => {}]] = failing
    expect(shown).toBe('frames that break the rule ethernet.source (deviates: frames without a sender)')
    // Vitest's `fails` wants a failure: as long as there is none, the deviation is not needed.
    expect(look).not.toThrow()
    await suite
      .withScene('planted', {}, ({ a }) => {
        const frame = new Uint8Array(60)
        frame.set([2, 0, 0, 0, 0, 2], 0)
        frame.set([8, 0], 12)
        a.frame('out', frame)
      })
      .catch((error: Error) => expect(error.message).not.toContain('ethernet.source'))
    expect(look).toThrow('1 frames break the rule ethernet.source')
  })
})
