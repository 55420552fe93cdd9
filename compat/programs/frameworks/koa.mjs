import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { bare, body, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const app = new Koa()
app.use(async (context) => {
  if (context.method === 'POST') context.body = JSON.parse(await text(context.req))
  else context.body = context.path === '/body' ? body : { ip: bare(context.ip) }
})
const server = app.listen(port, address, () => ready(server.address().port))
