/**
 * errno of the host's C library, and the errors made of it.
 *
 * @module
 */
import { CODES, type ErrorCode, NetError } from '@ioth/core'
import { koffi } from './koffi.ts'

let names: ReadonlyMap<number, string> | null = null

/** errno of the last call in this thread. Read it right after the call, and inside the callback of an asynchronous one. */
export function lastErrno(): number {
  return koffi().errno()
}

/** `11` is `'EAGAIN'` (on Linux); null for a number that is none. Where two names share a number, the one of core's table. */
export function errnoName(number: number): string | null {
  names ??= readNames()
  return names.get(number) ?? null
}

/** An error for a call that failed, by errno. A number core has no code for becomes EPROTO, with its name in the message. */
export function errnoError(syscall: string, number: number = lastErrno()): NetError {
  const name = errnoName(number) ?? `errno ${number}`
  if (isCode(name)) return new NetError(name, syscall)
  return new NetError('EPROTO', syscall, { message: `${syscall} ${name}` })
}

function readNames(): ReadonlyMap<number, string> {
  const read = new Map<number, string>()
  for (const [name, number] of Object.entries(koffi().os.errno)) {
    if (!read.has(number) || isCode(name)) read.set(number, name)
  }
  return read
}

function isCode(name: string): name is ErrorCode {
  return Object.hasOwn(CODES, name)
}
