import { expect, test, vi } from 'vitest'
import { Callbacks } from './callbacks.ts'
import { koffi } from './koffi.ts'

const COMPARE = 'int (const void *, const void *)'

function sort(numbers: Int32Array, compare: bigint): void {
  koffi().load(null).func('void qsort(void *, size_t, size_t, void *)')(numbers, numbers.length, 4, compare)
}

const value = (pointer: bigint): number => koffi().decode(pointer, 'int32_t') as number

test('the C library calls a function of ours', () => {
  const callbacks = new Callbacks()
  const numbers = Int32Array.of(3, 1, 2, 9, -4)
  sort(
    numbers,
    callbacks.add(COMPARE, (a: bigint, b: bigint) => value(a) - value(b), 0),
  )
  expect(Array.from(numbers)).toEqual([-4, 1, 2, 3, 9])
  callbacks.add(COMPARE, () => 0, 0)
  expect(callbacks.size).toBe(2)
  callbacks.release()
  callbacks.release()
  expect(callbacks.size).toBe(0)
})

test('an exception does not go through C: it gets the fallback, the host gets the exception', async () => {
  const callbacks = new Callbacks()
  const numbers = Int32Array.of(2, 1)
  const uncaught = new Promise((resolve) => {
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => {
      for (const listener of listeners) process.on('uncaughtException', listener)
      resolve(error)
    })
  })
  const compare = vi.fn(() => {
    throw new Error('in a callback')
  })
  sort(numbers, callbacks.add(COMPARE, compare, -1))
  expect(compare).toHaveBeenCalledOnce()
  expect(Array.from(numbers)).toEqual([2, 1])
  expect(await uncaught).toMatchObject({ message: 'in a callback' })
  callbacks.release()
})
