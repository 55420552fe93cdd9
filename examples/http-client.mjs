/**
 * A web client as anybody writes it: plain fetch, not one import of ioth. Prints the status, how much came, its SHA-256, and whether
 * that is what the server said in `x-sha256`. Short texts are printed too.
 *
 *   npx ioth run -a 10.40.0.33/24 examples/http-client.mjs http://10.40.0.32/big
 */
import { createHash } from 'node:crypto'

const [url] = process.argv.slice(2)
if (url === undefined) {
  console.error('usage: http-client.mjs URL')
  process.exit(64)
}

const response = await fetch(url)
const hash = createHash('sha256')
const start = []
let octets = 0
for await (const piece of response.body ?? []) {
  hash.update(piece)
  if (octets < 1000) start.push(piece)
  octets += piece.length
}
const sha256 = hash.digest('hex')
const promised = response.headers.get('x-sha256')

if (octets < 1000) process.stdout.write(Buffer.concat(start))
console.log(`${response.status} ${response.statusText}, ${octets} octets, SHA-256 ${sha256}`)
if (promised !== null)
  console.log(promised === sha256 ? 'The checksum is right.' : `The checksum is WRONG: ${promised} was promised.`)
if (!response.ok || (promised !== null && promised !== sha256)) process.exitCode = 1
