// A service that says which process it is.
import { createServer } from 'node:http'

createServer((request, response) =>
  response.setHeader('connection', 'close').end(`${request.socket.localAddress} is process ${process.pid}`),
).listen(80, () => console.log('Serving'))
