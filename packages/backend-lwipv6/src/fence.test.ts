/** The fence, with a library that answers when it is told to. */
import { createVirtualScheduler } from '@ioth/core'
import { answerArp } from '@ioth/ffi'
import { expect, test } from 'vitest'
import { FENCE_ADDRESS, Fence } from './fence.ts'

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)

function scene() {
  const time = createVirtualScheduler({ seed: 1 })
  const questions: Uint8Array[] = []
  const fence = new Fence({ clock: time.clock, mac, toLibrary: (frame) => void questions.push(frame.slice()) })
  const answer = (index: number): void => {
    const reply = answerArp(questions[index] as Uint8Array, mac, (address) =>
      address.equals(FENCE_ADDRESS),
    ) as Uint8Array
    fence.answer(reply, reply.length)
  }
  return { time, questions, fence, answer }
}

test('what went in before the question is seen with its answer, what came after is not', () => {
  const { fence, questions, answer } = scene()
  const told: string[] = []
  const [first] = [fence.enter(), fence.wait(() => told.push('a'))]
  const second = fence.enter()
  fence.wait(() => told.push('b'))
  expect(questions.length).toBe(1)
  answer(0)
  expect([told, fence.hasSeen(first), fence.hasSeen(second)]).toEqual([['a', 'b'], true, false])
  fence.wait(() => told.push('c'))
  answer(1)
  expect([told, fence.hasSeen(second)]).toEqual([['a', 'b', 'c'], true])
})

test('a question whose answer is lost is asked again, and a late answer to the first is none to the second', () => {
  const { fence, questions, answer, time } = scene()
  let isTold = false
  fence.enter()
  fence.wait(() => {
    isTold = true
  })
  time.advance(20_000)
  expect(questions.length).toBe(2)
  answer(0)
  expect(isTold).toBe(false)
  answer(1)
  expect(isTold).toBe(true)
})
