/**
 * What runs in a browser's page: two stacks on a switch, one serves a document over something like HTTP/1.0, the other fetches it. Time
 * and randomness are the page's own.
 *
 * @module
 */
import { type Connection, connect, createFramePool, createScheduler, createSwitch, listen } from '@ioth/core'
import { createStack } from '../../src/index.ts'

const BODY_OCTETS = 200_000

export interface PageResult {
  readonly status: string
  readonly octets: number
  readonly isIntact: boolean
  /** Drops of both stacks by reason, and slots that were not given back. */
  readonly dropped: number
  readonly slotsLeft: number
}

export async function run(): Promise<PageResult> {
  const scheduler = createScheduler()
  const pool = createFramePool()
  const lan = createSwitch({ scheduler, pool })
  const [server, client] = await Promise.all(
    ['10.0.0.1/24', '10.0.0.2/24'].map((address) =>
      createStack({ scheduler, pool, interfaces: [{ link: lan.port(), addresses: [address] }] }),
    ),
  )
  if (server === undefined || client === undefined) throw new Error('no stacks')
  const listener = await listen(server, { port: 80 })
  const serving = (async () => {
    for await (const connection of listener) {
      const request = await readAll(connection, (text) => text.endsWith('\r\n\r\n'))
      const [, path = ''] = request.split(' ')
      await connection.write(new TextEncoder().encode(`HTTP/1.0 200 OK\r\nContent-Length: ${BODY_OCTETS}\r\n\r\n`))
      await connection.write(body(path))
      await connection.end()
      return
    }
  })()

  const connection = await connect(client, { host: '10.0.0.1', port: 80 })
  await connection.write(new TextEncoder().encode('GET /page HTTP/1.0\r\n\r\n'))
  const answer = await readAll(connection)
  await connection.close()
  await serving
  await listener.close()
  await Promise.all([server.close(), client.close()])
  const [head = '', text = ''] = answer.split('\r\n\r\n')
  return {
    status: head.split('\r\n')[0] ?? '',
    octets: text.length,
    isIntact: text === new TextDecoder('latin1').decode(body('/page')),
    dropped: [server, client]
      .flatMap((stack) => Object.entries(stack.counters()))
      .reduce((sum, [name, count]) => sum + (name.startsWith('drop.') ? count : 0), 0),
    slotsLeft: pool.used,
  }
}

/** Letters that depend on the path and on the place. */
function body(path: string): Uint8Array {
  return Uint8Array.from({ length: BODY_OCTETS }, (_, at) => 97 + ((at * 7 + Math.floor(at / 26) + path.length) % 26))
}

async function readAll(connection: Connection, isEnough: (text: string) => boolean = () => false): Promise<string> {
  const decoder = new TextDecoder('latin1')
  let text = ''
  while (!isEnough(text)) {
    const octets = await connection.read()
    if (octets === null) break
    text += decoder.decode(octets)
  }
  return text
}
