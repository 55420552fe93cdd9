// Fetches URL and prints how many octets came, their SHA-256, and how long it took.
import { createHash } from 'node:crypto'
import { get } from 'node:http'

const begin = performance.now()
get(process.argv[2], (response) => {
  const hash = createHash('sha256')
  let octets = 0
  response.on('data', (data) => {
    octets += data.length
    hash.update(data)
  })
  response.on('end', () => {
    const seconds = (performance.now() - begin) / 1000
    console.log(`fetched ${octets} ${hash.digest('hex')}`)
    console.error(`${(octets / seconds / 1e6).toFixed(1)} MB/s`)
  })
})
