import http from 'node:http'
import { Server } from 'socket.io'
import { bare, listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const server = http.createServer()
new Server(server).on('connection', (socket) => {
  socket.on('ask', (question, answer) => answer(question, bare(socket.handshake.address)))
  socket.join('room')
  socket.to('room').emit('somebody came')
})
server.listen(port, address, () => ready(server.address().port))
