/**
 * The kernel's end of a test: a program that runs in the namespace and does what it is told, a line of JSON at a time.
 *
 * @module
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { carryOut } from './plan.mjs'

const paused = new Set()
let asked = 0

const tasks = {
  /** Serves one connection after another by the same plan. */
  listen: async ({ host, port, plan, tell }) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (plan.reads === false) paused.add(socket)
      void carryOut(socket, plan).then(tell)
    })
    await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
    return { port: server.address().port }
  },
  connect: async ({ host, port, plan }) => {
    const socket = connect({ host, port, allowHalfOpen: true })
    if (plan.reads === false) paused.add(socket)
    return await carryOut(socket, plan)
  },
  /** Those that did not read begin to. */
  resume: async () => {
    for (const socket of paused) socket.resume()
    return {}
  },
  /** Returns every datagram to its sender. */
  echo: async ({ host, port }) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.on('message', (message, from) => socket.send(message, from.port, from.address))
    await new Promise((resolve) => socket.bind(port, host, resolve))
    return {}
  },
  /** Sends datagrams and gives what comes back, an error of the network as well. */
  send: async ({ host, port, lengths, answers }) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const received = []
    return await new Promise((resolve) => {
      const done = (error) => {
        socket.close()
        resolve({ received, error: error?.code ?? null })
      }
      socket.on('error', done)
      socket.on('message', (message) => {
        received.push(message.length)
        if (received.length === answers) done()
      })
      socket.connect(port, host, () => {
        for (const length of lengths) socket.send(Buffer.alloc(length, length))
      })
    })
  },
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { task, ...words } = JSON.parse(line)
  const id = ++asked
  const answer = (value) => process.stdout.write(`${JSON.stringify({ id, ...value })}\n`)
  try {
    answer({ answer: await tasks[task]({ ...words, tell: (outcome) => answer({ outcome }) }) })
  } catch (error) {
    answer({ failure: error.code ?? error.message })
  }
})
