/**
 * What a failure must look like: Node's own fields, and a message that says what was tried on what.
 *
 * @module
 */
import { CODES, type ErrorCode, type NetError } from '@ioth/core'
import { expect } from 'vitest'

/** Fields an error is expected to have. */
export interface ErrorShape {
  readonly syscall?: string
  readonly address?: string
  readonly port?: number
}

/** Calls something that must throw, and checks the error. */
export function expectThrow(call: () => unknown, code: string, shape: ErrorShape = {}): NetError {
  let result: unknown
  try {
    result = call()
  } catch (error) {
    return expectError(error, code, shape)
  }
  throw new Error(`${code} expected, the call returned ${result}`)
}

/** Waits for a promise that must reject, and checks the error. */
export async function expectRejection(
  promise: Promise<unknown>,
  code: string,
  shape: ErrorShape = {},
): Promise<NetError> {
  let result: unknown
  try {
    result = await promise
  } catch (error) {
    return expectError(error, code, shape)
  }
  throw new Error(`${code} expected, the promise gave ${result}`)
}

export function expectError(error: unknown, code: string, shape: ErrorShape = {}): NetError {
  expect(error, `${code} expected`).toBeInstanceOf(Error)
  const { code: found, errno, message, ...rest } = error as NetError
  // The manifest tells whether it had to be there.
  if (found === 'ERR_IOTH_NOT_IMPLEMENTED' && found !== code) throw error
  expect(found, (error as Error).stack ?? message).toBe(code)
  if (code.startsWith('ERR_') || code === 'ABORT_ERR') return error as NetError
  // The codes of node:dns have no number, there as here.
  if (CODES[code as ErrorCode].errno !== undefined) {
    expect(errno, `${code} needs an errno`).toBeTypeOf('number')
    expect(errno).toBeLessThan(0)
  }
  expect(rest.syscall, `${code} needs a syscall`).toBeTypeOf('string')
  expect(rest).toMatchObject(shape)
  return error as NetError
}
