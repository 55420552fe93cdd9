/**
 * The client of socket-server: sends each word as a line, prints what comes back.
 *
 *   npx ioth run examples/dist/socket-client.js -a 10.40.0.33/24 10.40.0.32 hello bye
 */
import { connect } from 'node:net'

const [host = '10.40.0.32', ...words] = process.argv.slice(2)
const socket = connect(8092, host)
for (const word of words) socket.write(`${word}\n`)
for await (const text of socket.setEncoding('utf8')) process.stdout.write(text)
