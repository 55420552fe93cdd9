// HTTPS with a certificate that nobody else signed. The key is for this test alone.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const key = readFileSync(new URL('self-signed-key.pem', import.meta.url))
const cert = readFileSync(new URL('self-signed.pem', import.meta.url))
createServer({ key, cert }, (request, response) => {
  response.end(`${request.socket.getProtocol()} for ${request.socket.remoteAddress}`)
}).listen(443, () => console.log('ready'))
