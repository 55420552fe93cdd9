import dns from 'node:dns'
import { newest } from '../../newest.mjs'
import { askWhom } from '../arguments.mjs'

const { address, port } = askWhom()
const resolver = new dns.promises.Resolver({ timeout: 5000, tries: 2 })
resolver.setServers([`${address}:${port}`])
console.log('A', await resolver.resolve4('web.compat.test'))
console.log('TXT', JSON.stringify(await resolver.resolveTxt('web.compat.test')))
const [missing, empty] = await Promise.allSettled([
  resolver.resolve4('nobody.compat.test'),
  resolver.resolve6('web.compat.test'),
])
console.log(missing.reason.message, missing.reason.code, '/', empty.reason.message, empty.reason.code)
// And dns2 as a client, which speaks DNS over dgram itself.
const { default: dns2 } = await import(newest('dns2'))
const client = new dns2({ nameServers: [address], port })
const { answers } = await client.resolveA('mail.compat.test')
console.log(
  'dns2',
  answers.map((answer) => answer.address),
)
