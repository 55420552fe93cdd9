import net from 'node:net'
import { Aedes } from 'aedes'
import { listenWhere, ready } from '../arguments.mjs'

const { port, address } = listenWhere()
const broker = await Aedes.createBroker()
const server = net.createServer(broker.handle).listen(port, address, () => ready(server.address().port))
