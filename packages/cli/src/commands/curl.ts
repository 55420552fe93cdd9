/**
 * `ioth curl`: an HTTP client on a stack of its own, with the options of curl(1) that are used daily. Node's own http and https do the work.
 *
 * @module
 */
import { createWriteStream, readFileSync } from 'node:fs'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { hasCode, tryParseIpAddress } from '@ioth/core'
import { bindNode } from '@ioth/node'
import { EXIT, Failure } from '../failure.ts'
import { near } from '../network/find-target.ts'
import { joinNetwork } from '../network/join.ts'
import type { NetworkSettings } from '../options/network-options.ts'

export interface CurlOptions {
  /** File for the body; `-` is standard output. */
  readonly output?: string
  /** Only the head: a HEAD request. */
  readonly head?: boolean
  /** No error messages. */
  readonly silent?: boolean
  /** Head and body. */
  readonly include?: boolean
  readonly request?: string
  /** Body of the request; `@FILE` reads a file, `@-` standard input. Several are joined by `&`. */
  readonly data?: readonly string[]
  readonly header?: readonly string[]
  /** Follow redirections. */
  readonly location?: boolean
  /** Accept any certificate. */
  readonly insecure?: boolean
  /** An answer of 400 or more is a failure: no body, exit code 22. */
  readonly fail?: boolean
  /** Seconds for the whole transfer. */
  readonly maxTime?: number
}

const MAX_REDIRECTIONS = 50
/** What curl(1) itself gives for an HTTP error under --fail. */
const EXIT_HTTP_ERROR = 22

export async function curl(target: string, options: CurlOptions, settings: NetworkSettings): Promise<void> {
  let url = parseUrl(target)
  const literal = tryParseIpAddress(url.hostname.replace(/^\[|\]$/g, ''))
  await using stack = await joinNetwork(settings, { name: 'ioth-curl', ...near(literal, settings) })
  const host = bindNode(stack)

  const signal = options.maxTime === undefined ? undefined : AbortSignal.timeout(options.maxTime * 1000)
  let method = options.request ?? (options.head ? 'HEAD' : options.data === undefined ? 'GET' : 'POST')
  let body = options.data === undefined ? undefined : Buffer.concat(joined(options.data.map(readData)))

  try {
    for (let redirections = 0; ; redirections++) {
      const request = (url.protocol === 'https:' ? host.https : host.http).request(url, {
        method,
        agent: false,
        headers: { 'user-agent': 'ioth', accept: '*/*', ...headersOf(options, body) },
        rejectUnauthorized: options.insecure !== true,
        ...(signal === undefined ? {} : { signal }),
      })
      const response = await answer(request, body)
      const status = response.statusCode ?? 0
      const next = options.location && status >= 300 && status < 400 ? response.headers.location : undefined
      if (next === undefined || redirections === MAX_REDIRECTIONS) {
        await print(response, options)
        return
      }
      if (options.include) process.stdout.write(headOf(response))
      response.resume()
      url = new URL(next, url)
      if (status === 303 || (status < 303 && method === 'POST')) {
        method = method === 'HEAD' ? 'HEAD' : 'GET'
        body = undefined
      }
    }
  } catch (error) {
    throw explain(error, url, options)
  }
}

function parseUrl(target: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? target : `http://${target}`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Failure(
      EXIT.usage,
      `"${target}" is not an http or https URL. Type for example: ioth curl http://10.40.0.32/`,
    )
  }
  return url
}

function headersOf(options: CurlOptions, body: Buffer | undefined): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  if (body !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded'
    headers['content-length'] = String(body.length)
  }
  for (const line of options.header ?? []) {
    const colon = line.indexOf(':')
    if (colon < 1) {
      throw new Failure(EXIT.usage, `"${line}" is not a header line. Write it as: -H "name: value"`)
    }
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return headers
}

function readData(text: string): Buffer {
  if (!text.startsWith('@')) return Buffer.from(text)
  const file = text.slice(1)
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new Failure(
      EXIT.noInput,
      `the data file cannot be read: ${(error as Error).message}. Check the name after -d @.`,
    )
  }
}

function joined(pieces: readonly Buffer[]): Buffer[] {
  return pieces.flatMap((piece, i) => (i === 0 ? [piece] : [Buffer.from('&'), piece]))
}

function answer(request: ClientRequest, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject).end(body)
  })
}

async function print(response: IncomingMessage, options: CurlOptions): Promise<void> {
  const status = response.statusCode ?? 0
  if (options.fail === true && status >= 400) {
    response.resume()
    if (options.silent !== true) process.stderr.write(`ioth: the server answered ${status} ${response.statusMessage}\n`)
    process.exitCode = EXIT_HTTP_ERROR
    return
  }
  const toFile = options.output !== undefined && options.output !== '-'
  const into = toFile ? createWriteStream(options.output as string) : process.stdout
  if (options.head || options.include) into.write(headOf(response))
  // Standard output is not ours to end.
  await pipeline(response, into, { end: toFile })
}

function headOf(response: IncomingMessage): string {
  const lines = [`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}`]
  for (let i = 0; i < response.rawHeaders.length; i += 2)
    lines.push(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function explain(error: unknown, url: URL, options: CurlOptions): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error
  if (options.silent === true) return new Failure(EXIT.unavailable, '')
  const at = url.host
  const next = hasCode(error, 'ECONNREFUSED')
    ? `Nothing listens there; ask the node itself with: ioth ping ${url.hostname}`
    : hasCode(error, 'ENETUNREACH')
      ? 'Give an address of its network with -a, or a router with --gateway.'
      : hasCode(error, 'ENOTFOUND') || hasCode(error, 'EAI_AGAIN')
        ? `See what the name server says: ioth resolve --dns ADDRESS ${url.hostname}`
        : hasCode(error, 'EHOSTUNREACH')
          ? 'Nobody on this network has that address; see who does with: ioth ps'
          : hasCode(error, 'DEPTH_ZERO_SELF_SIGNED_CERT')
            ? 'To accept any certificate add -k.'
            : error.name === 'AbortError' || error.name === 'TimeoutError'
              ? `It took longer than -m ${options.maxTime}.`
              : `See who is on the network with: ioth ps`
  return new Failure(EXIT.unavailable, `no answer from ${at}: ${error.message}. ${next}`, { cause: error })
}
