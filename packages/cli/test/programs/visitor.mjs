// A hundred downloads and a hundred uploads at once.
import { createHash } from 'node:crypto'

const base = process.argv[2]
const sum = (octets) => createHash('sha256').update(octets).digest('hex')
const body = Buffer.alloc(200_000, 'a visitor ')
const sums = await Promise.all(
  Array.from({ length: 100 }, async () => {
    const down = await (await fetch(`${base}/big`)).arrayBuffer()
    const up = await (await fetch(base, { method: 'POST', body })).text()
    return `${sum(Buffer.from(down))} ${up === sum(body)}`
  }),
)
console.log(sums.length, [...new Set(sums)].join())
