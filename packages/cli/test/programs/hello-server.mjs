// A web server on port 80 that says hello.
import { createServer } from 'node:http'

createServer((_request, response) => response.end('hello\n')).listen(80, () => console.log('listening'))
