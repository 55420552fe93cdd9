// What a program learns by Node's own dns modules, in all their ways.
import dns from 'node:dns'
import { lookup, resolveMx, reverse } from 'node:dns/promises'

const callback = (call) => new Promise((resolve) => call((error, result) => resolve(error?.code ?? result)))
const resolver = new dns.promises.Resolver()
console.log(
  JSON.stringify({
    lookup: await lookup('web.lan.test'),
    short: await lookup('server'),
    missing: await callback((done) => dns.lookup('nobody.lan.test', done)),
    resolve4: await callback((done) => dns.resolve4('web.lan.test', done)),
    resolveMx: await resolveMx('lan.test'),
    reverse: await reverse('10.40.0.32'),
    servers: dns.getServers(),
    resolver: await resolver.resolve4('server.lan.test'),
  }),
)
