// A connection, and then a server, go to a thread; whoever connects hears from there.
import { once } from 'node:events'
import net from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

if (isMainThread) {
  const thread = new Worker(new URL(import.meta.url))
  const hear = async () => {
    const client = net.connect(8123, '127.0.0.1')
    let text = ''
    for await (const data of client) text += data
    console.log(text)
  }
  const server = net.createServer((socket) => thread.postMessage(socket, [socket]))
  server.listen(8123, '127.0.0.1')
  await once(server, 'listening')
  await hear()
  thread.postMessage(server, [server])
  await once(thread, 'message')
  await hear()
  await thread.terminate()
} else {
  parentPort.on('message', (sent) => {
    if (sent instanceof net.Socket) sent.end(`the thread has the connection of ${sent.remoteAddress}`)
    else {
      sent.on('connection', (socket) => socket.end(`the thread accepted ${socket.remoteAddress}`))
      parentPort.postMessage('listening')
    }
  })
}
