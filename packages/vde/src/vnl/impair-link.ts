/**
 * The module `impair://{LOCATOR}/loss=5%/delay=20ms`: a network behind a bad cable. What the options mean is told by `impairment.ts`.
 *
 * @module
 */
import { type FramePool, impair, type Link, type Scheduler } from '@ioth/core'
import { parseImpairments } from '../wire/impairment.ts'
import { networkError } from './switch-directory.ts'

/** @throws NetError ERR_IOTH_NETWORK */
export function openImpaired(
  link: Link,
  options: ReadonlyMap<string, string>,
  text: string,
  { scheduler, pool }: { readonly scheduler: Scheduler; readonly pool: FramePool },
): Link {
  try {
    const { seed, ...impairments } = parseImpairments(Object.fromEntries(options))
    return impair(link, { ...impairments, ...(seed === undefined ? {} : { seed }), scheduler, pool })
  } catch (error) {
    throw networkError(`"${text}": ${(error as Error).message}`, error)
  }
}
