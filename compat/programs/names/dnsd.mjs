import dnsd from 'dnsd'
import { listenWhere, ready } from '../arguments.mjs'
import { text, zone } from './zone.mjs'

// This one says nothing of the port that it was given: it needs one.
const { port, address = '0.0.0.0' } = listenWhere()
const server = dnsd.createServer((_request, response) => {
  const [{ name, type }] = response.question
  const common = { name, type, class: 'IN', ttl: 60 }
  if (zone[name] === undefined) response.responseCode = 3
  else if (type === 'A') response.answer.push({ ...common, data: zone[name] })
  else if (type === 'TXT' && text[name] !== undefined) response.answer.push({ ...common, data: [text[name]] })
  response.end()
})
server.listen(port, address, () => ready(port))
