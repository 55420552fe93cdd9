/**
 * The one error class: shaped like Node's own, told apart by `code`.
 *
 * @module
 */
import { CODES, type ErrorCode, errnoOf } from './codes.ts'

export interface NetErrorOptions {
  readonly address?: string
  readonly port?: number
  readonly cause?: unknown
  /** Takes the place of the generated text `syscall CODE address:port`. */
  readonly message?: string
}

/**
 * A failure of a network call. `code`, `errno`, `syscall`, `address` and `port` are those Node uses for the same failure on the host.
 */
export class NetError extends Error {
  override readonly name: string = 'Error'
  readonly code: ErrorCode
  readonly errno?: number
  readonly syscall: string
  readonly address?: string
  readonly port?: number

  constructor(code: ErrorCode, syscall: string, options: NetErrorOptions = {}) {
    super(
      options.message ?? describe(code, syscall, options),
      'cause' in options ? { cause: options.cause } : undefined,
    )
    this.code = code
    const errno = errnoOf(code)
    if (errno !== undefined) this.errno = errno
    this.syscall = syscall
    if (options.address !== undefined) this.address = options.address
    if (options.port !== undefined) this.port = options.port
  }
}

function describe(code: ErrorCode, syscall: string, { address, port }: NetErrorOptions): string {
  const where = address === undefined ? '' : port === undefined || port === 0 ? ` ${address}` : ` ${address}:${port}`
  return code.startsWith('ERR_') ? `${syscall}: ${CODES[code].text}` : `${syscall} ${code}${where}`
}

/** Whether a value is an error with this code, whoever made it. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code
}
