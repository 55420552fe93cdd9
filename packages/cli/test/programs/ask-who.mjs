// Asks http://10.40.0.32/ who it is, again and again, and tells when the answer changes.
import { get } from 'node:http'

let last = ''
let answered = performance.now()

function ask() {
  const request = get('http://10.40.0.32/', { agent: false, timeout: 250 }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (more) => {
      text += more
    })
    response.on('end', () => {
      const now = performance.now()
      if (text !== last) console.log(`${text.trim()}: the first after ${Math.round(now - answered)} ms`)
      last = text
      answered = now
      setTimeout(ask, 10)
    })
  })
  request.on('timeout', () => request.destroy())
  request.on('error', () => setTimeout(ask, 10))
}

ask()
