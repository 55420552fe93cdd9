// A server and its client in one process: `keep-alive.mjs ADDRESS CONNECTIONS COUNT` prints requests per second. Plain node:http.
import http from 'node:http'
import { askRepeatedly, listen } from '../keep-alive.mjs'

const [address, connections, count] = process.argv.slice(2)
const server = await listen(http, address)
const { port } = server.address()
await askRepeatedly(http, address, port, Number(connections), Number(count) / 4)
console.log(await askRepeatedly(http, address, port, Number(connections), Number(count)))
server.close()
