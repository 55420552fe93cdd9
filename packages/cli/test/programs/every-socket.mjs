// Uses every network module of Node's, leaves servers, connections and sockets open, and then looks which sockets the machine has.
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'

const [own] = process.argv.slice(2)
const key = readFileSync(new URL('self-signed-key.pem', import.meta.url))
const cert = readFileSync(new URL('self-signed.pem', import.meta.url))
const answer = (_request, response) => response.end('answer')
const listening = async (server) => {
  await once(server.listen(0, own), 'listening')
  return server.address().port
}

const seen = []
const port = await listening(http.createServer(answer))
seen.push(await (await fetch(`http://${own}:${port}/`)).text())
http.get({ host: own, port, agent: new http.Agent({ keepAlive: true }) }, (response) => response.resume())
const securePort = await listening(https.createServer({ key, cert }, answer))
const secure = tls.connect({ host: own, port: securePort, rejectUnauthorized: false })
await once(secure, 'secureConnect')
const session = http2.connect(`http://${own}:${await listening(http2.createServer(answer))}`)
const stream = session.request()
stream.setEncoding('utf8').on('data', (text) => seen.push(text))
await once(stream, 'end')
const plain = net.connect(await listening(net.createServer((socket) => socket.write('x'))), own)
await once(plain, 'data')
const datagrams = dgram.createSocket('udp4').bind(0, own)
await once(datagrams, 'listening')
datagrams.send('self', datagrams.address().port, own)
seen.push(String((await once(datagrams, 'message'))[0]))
await dns.promises.lookup('localhost')
const failures = [
  () => dns.promises.lookup('nowhere.example'),
  () => new dns.promises.Resolver().resolve4('nowhere.example'),
  () => once(net.connect(80, '192.0.2.1'), 'connect'),
]
for (const attempt of failures)
  seen.push(
    await attempt().then(
      () => 'reached',
      ({ code }) => code,
    ),
  )

process.stdout.write(`${seen.join(' ')}\n`)
process.stdout.write(execFileSync('ss', ['-H', '-a', '-n', '-p', '-A', 'inet']))
process.stdout.write('looked\n')
process.exit()
