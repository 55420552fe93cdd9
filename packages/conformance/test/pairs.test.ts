/** Backends of others: the example of the README held against the suite, alone, as one of a pair, and in real time. */
import { testPair, testStack } from '@ioth/conformance'
import { backend } from '@ioth/stack-ts'
import { describe, expect, it } from 'vitest'
import { type Counts, counting, withoutHalfClose } from '../examples/counting-backend.ts'
import { createLan, Service } from '../src/index.ts'

const counts: Counts = { stacks: 0, sockets: 0 }

testStack({
  name: 'the example',
  backend: counting(backend, counts),
  peer: backend,
  suites: ['lifecycle', 'capabilities', 'TCP: connections', 'TCP: the end', 'UDP', 'ping'],
})

testStack({
  name: 'the example without half-close',
  backend: withoutHalfClose(backend),
  suites: ['lifecycle', 'capabilities', 'TCP: connections', 'TCP: the end', 'TCP: errors', 'TCP: segments'],
})

testPair(backend, counting(backend))
testPair(backend, counting(backend), { time: 'real' })

describe('the example', () => {
  it('counts what the suite did with it', async () => {
    const own: Counts = { stacks: 0, sockets: 0 }
    const lan = await createLan({ hosts: [{ backend: counting(backend, own) }, { backend }] })
    const talk = new Service(lan.host(1), 80).converse(lan.host(0), { send: 10 })
    await lan.until(() => talk.isDone)
    await lan.close()
    expect(own).toEqual({ stacks: 1, sockets: 1 })
  })
})
