import { newest } from '../../newest.mjs'
import { listenWhere, ready } from '../arguments.mjs'
import { text, zone } from './zone.mjs'

const { port, address } = listenWhere()
const { default: dns2 } = await import(newest('dns2'))
const { Packet } = dns2
const where = { port, ...(address === undefined ? {} : { address }) }
const server = dns2.createServer({
  udp: true,
  tcp: true,
  handle(request, send) {
    const response = Packet.createResponseFromRequest(request)
    const [{ name, type }] = request.questions
    const common = { name, type, class: Packet.CLASS.IN, ttl: 60 }
    if (zone[name] === undefined) response.header.rcode = 3
    else if (type === Packet.TYPE.A) response.answers.push({ ...common, address: zone[name] })
    else if (type === Packet.TYPE.TXT && text[name] !== undefined)
      response.answers.push({ ...common, data: text[name] })
    send(response)
  },
})
await server.listen({ udp: where, tcp: where })
ready(server.addresses().udp.port)
