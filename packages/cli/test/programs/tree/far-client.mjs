// Has a connection to a program that is about to be killed, gives the word, and tells what becomes of the connection.
import { once } from 'node:events'
import net from 'node:net'

const [host] = process.argv.slice(2)
const client = net.connect(8080, host)
await once(client, 'data')
net.connect(81, host).on('error', () => {})
client.on('error', ({ code }) => console.log(`far client: ${code}`))
await new Promise((resolve) => client.on('close', resolve))
process.exit()
