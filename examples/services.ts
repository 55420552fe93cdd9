/**
 * A network that configures itself: one stack lends addresses by DHCP, another one gets its address from it, and looks around.
 *
 * Nothing needs to be started before: node examples/dist/services.js
 */
import { createStack } from 'ioth'
import { connectByName, createResolver, serveDhcp, traceroute } from 'ioth/services'

await using server = await createStack({ vnl: 'hub://home', addresses: ['10.40.0.1/24'] })
await using addresses = serveDhcp(server, {
  range: ['10.40.0.100', '10.40.0.199'],
  gateway: '10.40.0.1',
  search: ['home.test'],
})

// Ready when the address is leased.
await using laptop = await createStack({ vnl: 'hub://home', dhcp: true, name: 'laptop' })
const [plug] = laptop.interfaces
console.log(`${plug?.addresses[0]?.address} for ${plug?.lease?.seconds} s, by ${plug?.lease?.server}`)
console.log(`leased: ${addresses.leases.map(({ address }) => address).join(', ')}`)

// Names without a name server: a table of hosts. With one (laptop.nameServers) everything else is asked there.
const resolver = createResolver(laptop, { hosts: { 'server.home.test': '10.40.0.1' } })
console.log(`server.home.test is ${await resolver.lookup('server.home.test')}`)

for await (const { ttl, probes } of traceroute(laptop, '10.40.0.1', { probes: 1 })) {
  console.log(`${ttl} ${probes[0]?.from} ${probes[0]?.kind}`)
}

const refused = await connectByName(laptop, { host: 'server.home.test', port: 80, resolver }).catch((error) => error)
console.log(refused.message)
