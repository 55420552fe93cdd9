/**
 * How a published port is written: `[HOST:]PORT:ADDRESS:PORT[/udp]`, an IPv6 address in brackets; ADDRESS may be a name of the network.
 *
 * @module
 */
import { NetError, tryParseIpAddress } from '@ioth/core'

/** A port of the host that leads to a port of a node. */
export interface PublishedPort {
  readonly transport: 'tcp' | 'udp'
  /** Address of the host to listen on. */
  readonly host: string
  /** 0: the host's choice. */
  readonly hostPort: number
  /** Address or name of the node. */
  readonly target: string
  readonly targetPort: number
}

const FORM = /^(?:(\[[^\]]*\]|[^[\]:]*):)?(\d{1,5}):(\[[^\]]*\]|[^[\]:]+):(\d{1,5})(?:\/(tcp|udp))?$/
/** Nobody else's business unless the user says so. */
const LOOPBACK = '127.0.0.1'

/** @throws NetError ERR_IOTH_CONFIG with what is wrong and an example. */
export function parsePublishedPort(text: string): PublishedPort {
  const [, host, hostPort, target, targetPort, transport] = FORM.exec(text) ?? []
  if (hostPort === undefined || target === undefined || targetPort === undefined) {
    throw wrong(text, 'it is not [HOST:]PORT:ADDRESS:PORT')
  }
  if (Number(hostPort) > 65535) throw wrong(text, `${hostPort} is no port`)
  if (Number(targetPort) > 65535 || Number(targetPort) === 0) throw wrong(text, `${targetPort} is no port`)
  const listen = host === undefined ? LOOPBACK : address(text, host)
  if (tryParseIpAddress(listen) === null) throw wrong(text, `"${listen}" is no address of the host`)
  return {
    transport: transport === 'udp' ? 'udp' : 'tcp',
    host: listen,
    hostPort: Number(hostPort),
    target: address(text, target),
    targetPort: Number(targetPort),
  }
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function address(text: string, part: string): string {
  if (!part.startsWith('[')) return part
  const inner = part.slice(1, -1)
  if (tryParseIpAddress(inner)?.family !== 6) throw wrong(text, `"${inner}" is no IPv6 address`)
  return inner
}

function wrong(text: string, why: string): NetError {
  return new NetError('ERR_IOTH_CONFIG', 'publish', {
    message: `"${text}": ${why}. Type for example: ioth publish 8080:10.40.0.32:80 5353:10.40.0.53:53/udp`,
  })
}
