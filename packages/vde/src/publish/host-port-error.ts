/**
 * Why a port of the host cannot be had, in words that end with the next command.
 *
 * @module
 */
import { type ErrorCode, NetError } from '@ioth/core'
import { formatEndpoint } from './published-port.ts'

const LEAST_UNPRIVILEGED_PORT = 1024

/** @param again what to type instead, for a port that can be had. */
export function hostPortError(error: NodeJS.ErrnoException, host: string, port: number, again: string): NetError {
  const code = (error.code ?? 'EINVAL') as ErrorCode
  const where = formatEndpoint(host, port)
  const message =
    code === 'EADDRINUSE'
      ? `${where} is in use on this host. Choose another port: ${again}`
      : code === 'EACCES'
        ? `permission denied for ${where}: ports below ${LEAST_UNPRIVILEGED_PORT} are root's. Choose another port: ${again}`
        : code === 'EADDRNOTAVAIL'
          ? `${host} is no address of this host. Choose another, or none for loopback: ${again}`
          : `${where} cannot be opened on this host (${error.message}). Choose another port: ${again}`
  return new NetError(code, 'listen', { message, cause: error })
}
