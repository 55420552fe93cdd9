/**
 * A server and its client in one program: what a stack without a network can still carry.
 *
 *   npx ioth run -l ./examples/loopback-stack.mjs -a 10.40.0.32/24 examples/talks-to-itself.mjs
 */
import { createServer, get } from 'node:http'
import { connect } from 'node:net'

const server = createServer((request, response) => response.end(`hello to ${request.url}`))
server.listen(80, () => {
  get({ host: '10.40.0.32', path: '/me', agent: false }, async (response) => {
    for await (const piece of response) console.log(`${piece}`)
    server.close()
    connect(81, '10.40.0.32').on('error', ({ message }) => console.log(message))
    connect(80, '10.40.0.33').on('error', ({ message }) => console.log(message))
  })
})
