import { describe, expect, it } from 'vitest'
import { ModelViolation } from './byte-stream.ts'
import { DatagramModel } from './datagrams.ts'

describe('datagrams', () => {
  it('may be lost, come in any order, and as often as the link copies them', () => {
    const model = new DatagramModel(2)
    const [first, second] = [model.next(10, 'a:1'), model.next(4, 'a:1'), model.next(7, 'b:2')]
    model.received(second as Uint8Array, 0, 4, 'a:1')
    model.received(first as Uint8Array, 0, 10, 'a:1')
    model.received(first as Uint8Array, 0, 10, 'a:1')
    expect([model.sent, model.delivered]).toEqual([3, 2])
  })

  it.each<[string, (model: DatagramModel, datagram: Uint8Array) => void]>([
    [
      'one copy too many',
      (model, datagram) => {
        for (let copy = 0; copy < 2; copy++) model.received(datagram, 0, 20, 'a:1')
      },
    ],
    ['cut off', (model, datagram) => model.received(datagram, 0, 19, 'a:1')],
    ['another sender', (model, datagram) => model.received(datagram, 0, 20, 'a:2')],
    ['never sent', (model, datagram) => model.received(datagram.fill(9, 0, 4), 0, 20, 'a:1')],
    ['a changed octet', (model, datagram) => model.received(datagram.fill(0, 10, 11), 0, 20, 'a:1')],
    ['nothing at all', (model, datagram) => model.received(datagram, 0, 0, 'a:1')],
  ])('%s is a violation', (_name, act) => {
    const model = new DatagramModel()
    const datagram = model.next(20, 'a:1')
    expect(() => act(model, datagram)).toThrow(ModelViolation)
  })
})
