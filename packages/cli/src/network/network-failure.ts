/**
 * Puts what can go wrong between settings and network in a paragraph that names the next command to type.
 *
 * @module
 */
import { EXIT, type ExitCode, Failure } from '../failure.ts'

/** Errors whose message is meant for people: the exit code, and the next command where the message names none. */
const FORESEEN: Readonly<Record<string, readonly [exitCode: ExitCode, next: string]>> = {
  ERR_IOTH_CONFIG: [EXIT.usage, 'See: ioth run --help'],
  ERR_IOTH_BACKEND_NOT_FOUND: [EXIT.unavailable, 'See what there is: ioth backends'],
  ERR_IOTH_BACKEND_UNUSABLE: [EXIT.unavailable, 'See what there is: ioth backends'],
  ERR_IOTH_NETWORK: [EXIT.unavailable, 'Start a network of your own: ioth switch /tmp/lan'],
  ERR_IOTH_PROTOCOL: [EXIT.unavailable, 'Start a network of your own: ioth switch /tmp/lan'],
  ERR_IOTH_NOT_IMPLEMENTED: [EXIT.unavailable, 'See what there is: ioth backends'],
  ERR_IOTH_STRICT: [EXIT.usage, 'See: ioth run --help'],
  ERR_IOTH_UNSUPPORTED_NODE: [EXIT.unavailable, 'See: ioth run --help'],
  EAFNOSUPPORT: [EXIT.unavailable, 'This backend does not speak that version of IP. See what there is: ioth backends'],
  EADDRINUSE: [
    EXIT.unavailable,
    'See who is there: ioth ps; a service that moves here takes it over: ioth run --take-over',
  ],
  EADDRNOTAVAIL: [EXIT.unavailable, 'See who is there: ioth ps'],
  ETIMEDOUT: [EXIT.unavailable, 'Give an address with -a'],
  EINVAL: [EXIT.usage, 'See: ioth run --help'],
}

/** @returns a Failure, or the error itself when nobody foresaw it. */
export function explainNetwork(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Failure) return error
  const [exitCode, next] = FORESEEN[(error as { code?: string }).code ?? ''] ?? []
  if (exitCode === undefined) return error
  const said = error.message.replace(/^configuration: /, '')
  const text = /\b(ioth|npm|chmod) [a-z]/.test(said) ? said : `${said.replace(/\.?$/, '.')} ${next}`
  return new Failure(exitCode, text, { cause: error })
}
