import { describe, expect, test } from 'vitest'
import { parsePublishedPort } from './published-port.ts'

describe('published ports', () => {
  test.each([
    ['8080:10.40.0.32:80', 'tcp', '127.0.0.1', 8080, '10.40.0.32', 80],
    ['0.0.0.0:8080:10.40.0.32:80', 'tcp', '0.0.0.0', 8080, '10.40.0.32', 80],
    ['[::1]:8080:[fc00::32]:80', 'tcp', '::1', 8080, 'fc00::32', 80],
    ['5353:10.40.0.53:53/udp', 'udp', '127.0.0.1', 5353, '10.40.0.53', 53],
    ['0:web.lan.test:80/tcp', 'tcp', '127.0.0.1', 0, 'web.lan.test', 80],
  ])('%s', (text, transport, host, hostPort, target, targetPort) => {
    expect(parsePublishedPort(text)).toEqual({ transport, host, hostPort, target, targetPort })
  })

  test.each([
    ['8080', /it is not \[HOST:\]PORT:ADDRESS:PORT/],
    ['8080:10.40.0.32', /is not/],
    ['8080:fc00::32:80', /is not/],
    ['8080:[10.40.0.32]:80', /no IPv6 address/],
    ['70000:10.40.0.32:80', /70000 is no port/],
    ['8080:10.40.0.32:0', /0 is no port/],
    ['8080:10.40.0.32:80/sctp', /is not/],
    ['localhost:8080:10.40.0.32:80', /"localhost" is no address of the host/],
    ['', /is not/],
  ])('%s is refused', (text, words) => {
    expect(() => parsePublishedPort(text)).toThrow(words)
  })
})
