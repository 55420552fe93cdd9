// Sends 200 lines over a few seconds on one connection and prints what comes back.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const LINES = 200
const socket = connect(7, process.argv[2])
let sent = 0
const timer = setInterval(() => {
  socket.write(`echo ${sent++}\n`)
  if (sent === LINES) {
    clearInterval(timer)
    socket.end()
  }
}, 10)
for await (const line of createInterface({ input: socket })) console.log(line)
console.log(socket.errored === null ? 'all on one connection' : String(socket.errored))
