// Fetches the URL whenever a line comes in, each time by a new connection.
import http from 'node:http'
import { createInterface } from 'node:readline'

const [url] = process.argv.slice(2)
createInterface({ input: process.stdin }).on('line', () => {
  const request = http.get(url, { agent: false }, async (response) => {
    let text = ''
    for await (const piece of response) text += piece
    console.log(`answer ${text}`)
  })
  request.on('error', ({ message }) => console.log(`error ${message}`))
})
console.log('ready')
