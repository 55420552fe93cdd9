// For `node --test`.
import assert from 'node:assert/strict'
import http from 'node:http'
import test from 'node:test'
import { address, close, listen } from '../checks/support.mjs'

test('a server answers', async () => {
  const server = http.createServer((request, response) => response.end(request.socket.remoteAddress))
  const response = await fetch(`http://${address}:${await listen(server)}`)
  assert.equal(await response.text(), address)
  server.closeAllConnections()
  await close(server)
})
