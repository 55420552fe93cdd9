// A POP3 server (RFC 1939) of our own: those on npm need a database, or have not been touched in ten years.
import net from 'node:net'
import { createInterface } from 'node:readline'
import { body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const messages = ['Subject: small\r\n\r\nhello\r\n', `Subject: large\r\n\r\n${body}\r\n`]

function* answers() {
  const deleted = new Set()
  let command = yield '+OK compat'
  for (;;) {
    const [verb, number] = command.split(' ')
    const message = messages[Number(number) - 1]
    switch (verb.toUpperCase()) {
      case 'USER':
      case 'PASS':
      case 'NOOP':
        command = yield '+OK'
        break
      case 'STAT':
        command = yield `+OK ${messages.length} ${messages.join('').length}`
        break
      case 'LIST':
      case 'UIDL':
        command = yield [
          '+OK',
          ...messages.map((each, index) => `${index + 1} ${verb === 'LIST' ? each.length : `uid-${index}`}`),
          '.',
        ].join('\r\n')
        break
      case 'RETR':
        command = yield message === undefined ? '-ERR no such message' : `+OK\r\n${message}.`
        break
      case 'DELE':
        deleted.add(Number(number))
        command = yield '+OK'
        break
      case 'QUIT':
        return `+OK ${deleted.size} deleted`
      default:
        command = yield '-ERR what?'
    }
  }
}

const server = net.createServer((socket) => {
  const session = answers()
  socket.on('error', () => {})
  socket.write(`${session.next().value}\r\n`)
  createInterface({ input: socket }).on('line', (line) => {
    const { value, done } = session.next(line)
    if (done) socket.end(`${value}\r\n`)
    else socket.write(`${value}\r\n`)
  })
})
server.listen(port, address, () => ready(server.address().port))
