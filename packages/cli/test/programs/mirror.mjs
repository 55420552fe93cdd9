// Tells what was asked of it.
import { createServer } from 'node:http'

createServer(async (request, response) => {
  if (request.url === '/moved') return response.writeHead(302, { location: '/page' }).end('moved')
  response.statusCode = request.url === '/missing' ? 404 : 200
  response.setHeader('x-path', request.url)
  const test = request.headers['x-test']
  response.write(`${request.method} ${request.url}\n${test === undefined ? '' : `x-test: ${test}\n`}`)
  request.pipe(response)
}).listen(80, () => console.log('ready'))
