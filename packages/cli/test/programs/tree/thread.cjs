const { parentPort, workerData } = require('node:worker_threads')
require('node:http')
  .createServer((request, response) => response.end(request.socket.localAddress))
  .listen(workerData, () => parentPort.postMessage('ready'))
