import fastify from 'fastify'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const app = fastify()
app.get('/', async (request) => ({ ip: bare(request.ip) }))
app.get('/body', async () => body)
app.post('/', async (request) => request.body)
await app.listen({ port, host: address ?? '::' })
ready(app.server.address().port)
