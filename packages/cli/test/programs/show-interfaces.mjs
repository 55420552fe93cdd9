// Prints the addresses of this node, as a program finds them.
import { networkInterfaces } from 'node:os'

for (const [name, entries] of Object.entries(networkInterfaces())) {
  for (const { cidr, mac, internal } of entries) if (!internal) console.log(`${name} ${cidr} ${mac}`)
}
