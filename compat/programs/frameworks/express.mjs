import express from 'express'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const app = express()
app.use(express.json())
app.get('/', (request, response) => response.json({ ip: bare(request.ip) }))
app.get('/body', (_request, response) => response.type('text').send(body))
app.post('/', (request, response) => response.json(request.body))
const server = app.listen(port, address, () => ready(server.address().port))
