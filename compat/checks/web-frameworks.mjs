import { once } from 'node:events'
import http from 'node:http'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { address, assert, body, close, event, text } from './support.mjs'

/** GET and POST of an application that answers with the peer's address and with what it got. */
async function ask(log, port) {
  const base = `http://${address}:${port}/`
  const got = await fetch(base)
  log('GET', got.status, got.headers.get('content-type'), await got.json())
  const posted = await fetch(base, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ body }),
  })
  const answer = await posted.json()
  assert.equal(answer.body, body)
  assert.equal(answer.ip.replace('::ffff:', ''), address)
  log('POST', posted.status, answer.ip)
  // One that keeps no connection alive: the server has to end it.
  const response = await new Promise((resolve) => http.get(base, { agent: false }, resolve))
  log('http.get', response.statusCode, JSON.parse(await text(response)))
}

export default {
  async 'express: GET, POST of JSON, req.ip'(log) {
    const app = express()
    app.use(express.json())
    app.get('/', (request, response) => response.json({ ip: request.ip }))
    app.post('/', (request, response) => response.json({ ip: request.ip, body: request.body.body }))
    const server = app.listen(0, address)
    await once(server, 'listening')
    await ask(log, server.address().port)
    server.closeAllConnections()
    await close(server)
  },

  async 'fastify: GET, POST of JSON, request.ip'(log) {
    const app = fastify()
    app.get('/', async (request) => ({ ip: request.ip }))
    app.post('/', async (request) => ({ ip: request.ip, body: request.body.body }))
    await app.listen({ port: 0, host: address })
    await ask(log, app.server.address().port)
    await app.close()
  },

  async 'koa: GET, POST of JSON, context.ip'(log) {
    const app = new Koa()
    app.use(async (context) => {
      const given = context.method === 'POST' ? JSON.parse(await text(context.req)) : {}
      context.body = { ip: context.ip, ...given }
    })
    const server = app.listen(0, address)
    await event(server, 'listening')
    await ask(log, server.address().port)
    server.closeAllConnections()
    await close(server)
  },

  async 'hono on its Node server: GET, POST of JSON, the peer’s address'(log) {
    const app = new Hono()
    const ip = (context) => getConnInfo(context).remote.address
    app.get('/', (context) => context.json({ ip: ip(context) }))
    app.post('/', async (context) => context.json({ ip: ip(context), ...(await context.req.json()) }))
    const server = serve({ fetch: app.fetch, port: 0, hostname: address })
    await event(server, 'listening')
    await ask(log, server.address().port)
    server.closeAllConnections()
    await close(server)
  },
}
