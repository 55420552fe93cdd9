import { once } from 'node:events'
import WebSocket from 'ws'
import { askWhom } from '../arguments.mjs'
import '../clients/fetch.mjs'

const { address, port } = askWhom()
const socket = new WebSocket(`ws://${address}:${port}/`)
await once(socket, 'open')
socket.send('a message')
console.log(String((await once(socket, 'message'))[0]))
socket.close()
