// A thousand requests, fifty at once, each on a connection that is kept; then the file, whose hash is checked.
import { createHash } from 'node:crypto'
import { Agent, get } from 'node:http'

const [base] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: 50 })

const fetch = (path) =>
  new Promise((resolve, reject) => {
    get(base + path, { agent }, async (response) => resolve(Buffer.concat(await response.toArray()))).on(
      'error',
      reject,
    )
  })

const answers = await Promise.all(Array.from({ length: 1000 }, () => fetch('/')))
console.log(`${answers.filter((answer) => `${answer}`.startsWith('express sees ')).length} right answers`)
const file = await fetch('/file')
const isRight = createHash('sha256').update(file).digest('hex') === `${await fetch('/hash')}`
console.log(`${file.length} octets, ${isRight ? 'the right hash' : 'ANOTHER HASH'}`)
agent.destroy()
