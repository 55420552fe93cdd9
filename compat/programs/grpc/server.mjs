import grpc from '@grpc/grpc-js'
import { listenWhere, ready } from '../arguments.mjs'
import { service } from './service.mjs'

const { port, address = '0.0.0.0' } = listenWhere()
const server = new grpc.Server()
server.addService(service, {
  once: (call, done) => done(null, { from: call.getPeer().replace(/:\d+$/, ''), text: call.request.text }),
  count(call) {
    for (let number = 0; number < call.request.to; number++) call.write({ number })
    call.end()
  },
  talk(call) {
    call.on('data', ({ text }) => call.write({ text: text.toUpperCase() }))
    call.on('end', () => call.end())
  },
  fail: (_call, done) => done({ code: grpc.status.NOT_FOUND, details: 'there is none' }),
})
server.bindAsync(`${address}:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
  if (error !== null) throw error
  ready(bound)
})
