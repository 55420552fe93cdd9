import ssh from 'ssh2'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const server = new ssh.Server({ hostKeys: [ssh.utils.generateKeyPairSync('ed25519').private] }, (client, { ip }) => {
  client.on('error', () => {})
  client.on('authentication', (attempt) => {
    if (attempt.method === 'password' && attempt.username === 'user' && attempt.password === 'secret') attempt.accept()
    else attempt.reject(['password'])
  })
  client.on('session', (accept) => {
    accept().on('exec', (acceptExec, _reject, { command }) => {
      const stream = acceptExec()
      if (command === 'body') stream.write(body)
      else stream.write(`${command} for ${bare(ip)}\n`)
      stream.stderr.write('and an error\n')
      stream.exit(7)
      stream.end()
    })
  })
  client.on('request', (accept, reject, name, info) => {
    if (name !== 'tcpip-forward') return reject()
    accept(4022)
    client.forwardOut(info.bindAddr, 4022, '10.9.8.7', 1234, (error, stream) => {
      if (error === undefined) stream.end('through the tunnel')
    })
  })
})
server.listen(port, address, () => ready(server.address().port))
