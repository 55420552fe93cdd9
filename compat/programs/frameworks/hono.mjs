import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const app = new Hono()
app.get('/', (context) => context.json({ ip: bare(getConnInfo(context).remote.address) }))
app.get('/body', (context) => context.text(body))
app.post('/', async (context) => context.json(await context.req.json()))
serve({ fetch: app.fetch, port, ...(address === undefined ? {} : { hostname: address }) }, (info) => ready(info.port))
