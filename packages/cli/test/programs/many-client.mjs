// 200 requests at once on kept-alive connections, twice over, then the one that ends the server.
import { Agent, get } from 'node:http'

const [base] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: 200 })
const ports = new Set()

function fetch(path) {
  return new Promise((resolve, reject) => {
    get(base + path, { agent }, async (response) => {
      ports.add(response.socket.localPort)
      const text = Buffer.concat(await response.toArray()).toString()
      resolve(`${response.statusCode} ${response.headers.connection} ${response.headers['x-request']} ${text}`)
    }).on('error', reject)
  })
}

process.on('beforeExit', () => console.log('beforeExit'))
process.on('exit', (code) => console.log(`exit ${code}`))

for (const round of [1, 2]) {
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => fetch(`/many?n=${n}`)))
  const right = answers.filter((answer, n) => answer === `200 keep-alive ${n} GET /many?n=${n}`)
  console.log(`round ${round}: ${right.length} right answers on ${ports.size} connections so far`)
}
console.log(await fetch('/finish'))
agent.destroy()
