export { AbortError } from './abort-error.ts'
export { CODES, type ErrorCode, errnoOf } from './codes.ts'
export { hasCode, NetError, type NetErrorOptions } from './net-error.ts'
