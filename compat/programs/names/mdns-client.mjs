import { once } from 'node:events'
import multicastDns from 'multicast-dns'
import { askWhom } from '../arguments.mjs'

const { address } = askWhom()
const mdns = multicastDns(address.startsWith('127.') ? { interface: address, bind: '0.0.0.0' } : {})
await once(mdns, 'ready')
const answered = new Promise((resolve) =>
  mdns.on('response', (response, from) => {
    const answers = response.answers.filter(({ name }) => name === 'printer.local')
    if (answers.length > 0) resolve([answers, from])
  }),
)
mdns.query('printer.local', 'A')
const [answers, from] = await answered
for (const { type, data } of answers) console.log(type, String(data))
console.log('from', from.address, from.port)
mdns.destroy()
