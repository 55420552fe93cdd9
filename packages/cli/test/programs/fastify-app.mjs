// A Fastify application as its users write it.
import Fastify from 'fastify'

const app = Fastify()
app.get('/', async (request) => `fastify sees ${request.ip}`)
app.post('/json', async (request) => ({ got: request.body, from: request.ip }))
await app.listen({ port: 80, host: '0.0.0.0' })
console.log('ready')
