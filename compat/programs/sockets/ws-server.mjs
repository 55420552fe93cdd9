import { WebSocketServer } from 'ws'
import { bare, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const server = new WebSocketServer({ port, ...(address === undefined ? {} : { host: address }) }, () => {
  ready(server.address().port)
})
server.on('connection', (socket, request) => {
  socket.send(bare(request.socket.remoteAddress))
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
