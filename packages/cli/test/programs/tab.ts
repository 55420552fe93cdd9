/**
 * What runs in a browser's tab: a stack of its own, joined to a switch by WebSocket, that fetches from a program on the network.
 *
 * @module
 */
import { connect, createFramePool, createScheduler, openWebSocketLink } from '@ioth/core'
import { createStack } from '@ioth/stack-ts'

/** @returns the answer of http://HOST/ */
export async function fetchFrom(url: string, address: string, host: string): Promise<string> {
  const scheduler = createScheduler()
  const pool = createFramePool()
  const link = await openWebSocketLink(url, { scheduler, pool })
  const stack = await createStack({ scheduler, pool, interfaces: [{ link, addresses: [address] }] })
  const connection = await connect(stack, { host, port: 80 })
  await connection.write(new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'))
  let text = ''
  const decoder = new TextDecoder()
  for (;;) {
    const data = await connection.read()
    if (data === null) break
    text += decoder.decode(data, { stream: true })
  }
  await connection.close()
  await stack.close()
  return text
}
