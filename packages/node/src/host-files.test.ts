import { expect, test } from 'vitest'
import { parseHostsFile } from './hosts-file.ts'
import { parseServices } from './services-file.ts'

test('a hosts file: comments, several names, both families, what is no address', () => {
  const table = parseHostsFile(
    '# none\n127.0.0.1\tlocalhost  Local # here\n::1 localhost\n10.0.0.1 web.test web\n\nnonsense web\n10.0.0.1 web',
  )
  expect(Object.fromEntries(table)).toEqual({
    localhost: ['127.0.0.1', '::1'],
    local: ['127.0.0.1'],
    'web.test': ['10.0.0.1'],
    web: ['10.0.0.1'],
  })
})

test('a services file: the first name of each port of TCP', () => {
  const table = parseServices('ssh\t22/tcp # Secure\nntp 123/udp\nhttp 80/tcp www\nother 80/tcp\n#no 1/tcp')
  expect([...table]).toEqual([
    [22, 'ssh'],
    [80, 'http'],
  ])
})
