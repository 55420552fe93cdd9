/**
 * Groups of the host's users.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { NetError } from '@ioth/core'

/** The number of a group, given by name or number. @throws NetError EINVAL when there is none. */
export function groupNumber(group: string): number {
  if (/^\d+$/.test(group)) return Number(group)
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [name, , number] = line.split(':')
    if (name === group && number !== undefined) return Number(number)
  }
  throw new NetError('EINVAL', 'group', { message: `there is no group "${group}"` })
}
