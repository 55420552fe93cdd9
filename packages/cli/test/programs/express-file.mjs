// An Express application as its users write it, with a file of as many octets as asked for and its hash.
import { createHash } from 'node:crypto'
import express from 'express'

const file = Buffer.from(
  Uint8Array.from({ length: Number(process.argv[2]) }, (_, index) => (index * 7 + (index >> 8)) & 255),
)
const app = express()
app.get('/', (request, response) => response.send(`express sees ${request.ip}`))
app.get('/file', (_request, response) => response.send(file))
app.get('/hash', (_request, response) => response.send(createHash('sha256').update(file).digest('hex')))
app.listen(80, () => console.log('ready'))
