/** Stacks that a program or a command makes for itself, on every backend that is here: both ends write. */
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describeWhereUsable } from '@ioth/conformance'
import { expect, onTestFinished, test } from 'vitest'
import { bindNode, connect, createStack, listen, loadBackend, type NodeStack } from '../src/index.ts'
import { bare, examples, ioth, iothEnds, startSwitch } from './support/processes.ts'

async function nodeAt(vnl: string, address: string, stack: string): Promise<NodeStack> {
  const made = await createStack({ vnl, addresses: [address], stack })
  onTestFinished(() => made.close())
  return made
}

for (const name of ['ts', 'lwipv6', 'picotcp', 'fdpicotcp']) {
  const backend = await loadBackend(name)
  describeWhereUsable(name, [backend], () => {
    test.runIf(backend.capabilities.udp === 'connected')('datagrams without connect fail in words', async () => {
      const { path } = await startSwitch()
      const stack = await nodeAt(path, '10.40.0.1/24', name)
      const socket = bindNode(stack).dgram.createSocket('udp4')
      const error = await new Promise((resolve) => socket.send('anybody?', 53, '10.40.0.2', resolve))
      expect(error).toMatchObject({ code: 'ENOTSUP', address: '10.40.0.2', port: 53 })
      const warning = once(process, 'warning')
      socket.close()
      const server = bindNode(stack).dgram.createSocket('udp4').bind(53)
      expect((await warning)[0]).toMatchObject({ code: 'ERR_IOTH_NOT_IMPLEMENTED' })
      server.close()

      const listening = await iothEnds([
        'nc',
        '--library',
        name,
        '-a',
        '10.40.0.3/24',
        '-f',
        path,
        '-u',
        '--listen',
        '53',
      ])
      expect(listening.exitCode).toBe(69)
      expect(listening.stderr).toContain(
        'hears no datagrams but those of one peer (udp: connected). Listen with another',
      )
    })

    test('the promise API, and http bound to a stack', async () => {
      const { path } = await startSwitch()
      const [near, far] = await Promise.all([nodeAt(path, '10.40.0.1/24', name), nodeAt(path, '10.40.0.2/24', 'ts')])
      const listener = listen(far, { port: 7 })
      const [client, server] = await Promise.all([connect(near, { host: '10.40.0.2', port: 7 }), listener.accept()])
      await Promise.all([client.write('from here'), server.write('from there')])
      expect(
        (await Promise.all([server.read(), client.read()])).map((read) => Buffer.from(read ?? []).toString()),
      ).toEqual(['from here', 'from there'])

      const web = bindNode(near).http.createServer((request, response) => response.end(`you asked for ${request.url}`))
      web.listen(80)
      await once(web, 'listening')
      onTestFinished(() => void web.close())
      const [answer] = await once(bindNode(far).http.get('http://10.40.0.1/this', { agent: false }), 'response')
      expect(await text(answer)).toBe('you asked for /this')
    })

    test('ioth curl and ioth nc', async () => {
      const { path } = await startSwitch()
      const server = ioth(['run', join(examples, 'http-server.mjs'), '-a', '10.40.0.32/24', '-f', path])
      await server.prints(/Serving/)
      const words = ['--library', name, '-f', path, '-a']
      const page = await iothEnds(['curl', ...words, '10.40.0.1/24', 'http://10.40.0.32/'])
      expect([bare(page.stdout), page.stderr]).toEqual(['Hello 10.40.0.1, this is 10.40.0.32 port 80.\n', ''])
      const input = 'GET / HTTP/1.0\r\n\r\n'
      const raw = await iothEnds(['nc', ...words, '10.40.0.2/24', '10.40.0.32', '80'], { input })
      expect(bare(raw.stdout)).toContain('Hello 10.40.0.2, this is 10.40.0.32 port 80.\n')
    })
  })
}
