// The program under measurement: answers HTTP with 64 octets, over the arrangement named by the first argument.
import http from 'node:http'
import { Duplex } from 'node:stream'
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads'

const [arrangement, place, address] = workerData ?? process.argv.slice(2)
const answer = (_request, response) => response.end('x'.repeat(64))

/** A connection whose stack is in another thread. */
class PortDuplex extends Duplex {
  constructor(port) {
    super()
    this.port = port
    port.on('message', (data) => this.push(data))
  }
  _read() {}
  _write(chunk, _encoding, done) {
    this.port.postMessage(chunk)
    done()
  }
  setTimeout() {}
  setNoDelay() {}
  setKeepAlive() {}
}

if (!isMainThread) await stackThread()
else if (arrangement === 'inline') await inline()
else if (arrangement === 'thread') thread()
else http.createServer({ keepAliveTimeout: 60_000 }, answer).listen(place, ready) // launcher: a Unix socket stands for the remote stack's

function ready() {
  process.send?.('ready')
}

/** The stack runs in the program's own thread. */
async function inline() {
  const stack = await makeStack()
  const { bindNode } = await import('ioth')
  bindNode(stack).http.createServer({ keepAliveTimeout: 60_000 }, answer).listen(80, ready)
}

async function makeStack() {
  const { createStack } = await import('ioth')
  return createStack({ stack: 'ts', vnl: place, addresses: [`${address}/24`] })
}

/** The stack runs in a thread of its own; each connection is a message port. */
function thread() {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, answer)
  const worker = new Worker(new URL(import.meta.url), { workerData: [arrangement, place, address] })
  worker.on('message', (message) => {
    if (message === 'ready') ready()
    else server.emit('connection', new PortDuplex(message))
  })
}

async function stackThread() {
  const stack = await makeStack()
  const { bindNode } = await import('ioth')
  const { net } = bindNode(stack)
  net
    .createServer((socket) => {
      const { port1, port2 } = new MessageChannel()
      socket.on('data', (data) => port1.postMessage(data))
      port1.on('message', (data) => socket.write(data))
      socket.on('close', () => port1.close())
      socket.on('error', () => {})
      parentPort.postMessage(port2, [port2])
    })
    .listen(80, () => parentPort.postMessage('ready'))
}
