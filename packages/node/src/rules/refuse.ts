/**
 * What `--strict` answers to a call that would use the host's network.
 *
 * @module
 */
import { NetError } from '@ioth/core'
import { callSite } from './call-site.ts'

/** Enough of a trace to get from the depths of Node's own code to the program. */
const FRAMES = 50

/**
 * @param what would be used: `the add-on /app/x.node`
 * @param rule which would allow it; null: none can.
 */
export function refuse(syscall: string, what: string, rule: string | null): NetError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const error = new NetError('ERR_IOTH_STRICT', syscall)
  Error.stackTraceLimit = limit
  const site = callSite(error.stack ?? '')
  const advice = rule === null ? 'Run it without --strict to allow it.' : `To allow it: --host ${rule}`
  const message = `${syscall}: ${what} can reach past this node's network, and --strict is on${site === null ? '' : ` (called at ${site})`}. ${advice}`
  error.message = message
  error.stack = error.stack?.replace(/^[^\n]*/, `Error: ${message}`) ?? message
  return error
}
