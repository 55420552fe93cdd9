/**
 * Refusals of a configuration: each names the offending key, says what is wrong, and what to write instead.
 *
 * @module
 */
import { NetError } from '../errors/net-error.ts'
import { nearestName } from './nearest-name.ts'

/**
 * @param problem what is wrong with which key, without a full stop.
 * @param next what to write or do, without a full stop.
 */
export function configError(problem: string, next: string, cause?: unknown): NetError {
  const message = `configuration: ${problem}; ${next}`
  return new NetError('ERR_IOTH_CONFIG', 'config', cause === undefined ? { message } : { message, cause })
}

/**
 * For a key that nobody knows.
 * @param synonyms words from elsewhere, and ours for them.
 */
export function unknownKey(
  key: string,
  known: readonly string[],
  synonyms: Readonly<Record<string, string>>,
): NetError {
  const folded = key.toLowerCase()
  const meant = Object.hasOwn(synonyms, folded) ? synonyms[folded] : nearestName(key, known)
  return configError(
    `there is no key "${key}"`,
    meant === null ? `the keys are ${known.join(', ')}` : `did you mean "${meant}"? The keys are ${known.join(', ')}`,
  )
}

/** `first, second or third`, for messages. */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
