/**
 * What a failed question is told as: the codes, and the text, of `node:dns`.
 *
 * @module
 */
import type { ErrorCode } from '../../errors/codes.ts'
import { NetError } from '../../errors/net-error.ts'

/** A NetError that also names what was asked for, as errors of `node:dns` do. */
export class DnsError extends NetError {
  readonly hostname: string

  /** @param syscall `queryA`, `queryMx`, `getHostByAddr`, `lookup`. */
  constructor(code: ErrorCode, syscall: string, hostname: string, cause?: unknown, more = '') {
    super(code, syscall, {
      message: `${syscall} ${code} ${hostname}${more}`,
      ...(cause === undefined ? {} : { cause }),
    })
    this.hostname = hostname
  }
}

/** As Node calls the question of a type: `queryA`, `queryMx`. */
export function querySyscall(type: string): string {
  return `query${type.charAt(0)}${type.slice(1).toLowerCase()}`
}
