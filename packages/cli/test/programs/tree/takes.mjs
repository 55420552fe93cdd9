// Speaks to the three sockets of sends.mjs.
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'

const [host] = process.argv.slice(2)
const moved = net.connect(80, host)
moved.setEncoding('utf8')
moved.on('data', (text) => process.stdout.write(text))
const prints = async (text) => {
  for (let all = ''; !all.includes(text); ) all += (await once(moved, 'data'))[0]
}
await prints('welcome')
moved.write('one\n')
await prints('the child has it')
moved.write('two\n')
await prints('two')
// More than a window, at once, through the connection that has moved.
moved.removeAllListeners('data')
let octets = 0
moved.on('data', (text) => (octets += text.length))
moved.write('x'.repeat(1_000_000))
while (octets < 1_000_000) await once(moved, 'data')
console.log(`${octets} octets came back`)
moved.destroy()

const [answer] = await once(net.connect(81, host).setEncoding('utf8'), 'data')
process.stdout.write(answer)

const client = dgram.createSocket('udp4')
client.send('hello', 82, host)
const [data] = await once(client, 'message')
console.log(String(data))
process.exit()
