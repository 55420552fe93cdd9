import multicastDns from 'multicast-dns'
import { listenWhere, ready } from '../arguments.mjs'

const { address } = listenWhere()
const mdns = multicastDns({
  loopback: false,
  ...(address === undefined ? {} : { interface: address, bind: '0.0.0.0' }),
})
mdns.on('query', ({ questions }) => {
  if (!questions.some(({ name }) => name === 'printer.local')) return
  mdns.respond({
    answers: [
      { name: 'printer.local', type: 'A', ttl: 60, data: '10.9.8.7' },
      { name: 'printer.local', type: 'TXT', ttl: 60, data: ['paper=yes'] },
    ],
  })
})
mdns.on('ready', () => ready(5353))
