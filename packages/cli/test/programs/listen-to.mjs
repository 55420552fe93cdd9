// Connects, and tells how many octets came and how they ended. "deaf": tells of the connection, and reads when something comes from standard input.
import net from 'node:net'

const [host, how] = process.argv.slice(2)
let octets = 0
const socket = net.connect(80, host)
const read = () => socket.on('data', (data) => (octets += data.length))
if (how === 'deaf') {
  socket.on('connect', () => console.log('connected'))
  process.stdin.once('data', read)
} else read()
socket.on('end', () => console.log(`${octets} octets and a FIN`))
socket.on('error', ({ code }) => console.log(`${octets} octets and ${code}`))
socket.on('close', () => process.exit())
