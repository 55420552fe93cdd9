import { once } from 'node:events'
import http from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'

// An ordinary test of a server, on a port below 1024 where the one who runs it has such a port.
let server
beforeAll(async () => {
  server = http.createServer((request, response) => response.end(request.socket.remoteAddress)).listen(0)
  await once(server, 'listening')
})
afterAll(() => server.close())

test.each([1, 2, 3])('request %i', async () => {
  const response = await fetch(`http://localhost:${server.address().port}`)
  expect(await response.text()).toMatch(/127\.0\.0\.1|::1/)
})
