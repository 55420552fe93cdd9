// A web server on port 80 that gives as many octets as the path says, of a pattern that can be checked; `/name` says who it is.
import { createServer } from 'node:http'

const name = process.argv[2] ?? 'nobody'
const chunk = Buffer.from(Uint8Array.from({ length: 65_536 }, (_, index) => (index * 7 + (index >> 8)) & 255))

createServer((request, response) => {
  const octets = Number((request.url ?? '').slice(1))
  if (!(octets > 0)) {
    response.end(`${name}\n`)
    return
  }
  let left = octets
  const more = () => {
    while (left > 0) {
      const piece = left < chunk.length ? chunk.subarray(0, left) : chunk
      left -= piece.length
      if (!response.write(piece)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}).listen(80, () => console.log('listening'))
