/**
 * The client of `ioth diff` where none is named: two requests over one connection, one over another, and one to a port where nobody is.
 * Prints what came back, without what is of the time.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { Agent, get } from 'node:http'

const [host = '', port = '80'] = process.argv.slice(2)

function request(path: string, to: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    get({ host, port: to, path, agent }, (response) => {
      const hash = createHash('sha256')
      let octets = 0
      response.on('data', (piece: Buffer) => {
        octets += piece.length
        hash.update(piece)
      })
      response.on('error', (error: NodeJS.ErrnoException) => resolve(`${path}: ${error.code} after ${octets} octets`))
      response.on('end', () => {
        resolve(`${path}: ${response.statusCode}, ${octets} octets, SHA-256 ${hash.digest('hex').slice(0, 16)}`)
      })
    }).on('error', (error: NodeJS.ErrnoException) => resolve(`${path}: ${error.code}`))
  })
}

const kept = new Agent({ keepAlive: true, maxSockets: 1 })
const once = new Agent()
console.log(await request('/', port, kept))
console.log(await request('/nowhere', port, kept))
kept.destroy()
console.log(await request('/big?size=200000', port, once))
console.log(`port 9 ${await request('/', '9', once)}`)
