import { parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { ConnectionTable } from './connection-table.ts'
import { Tuple } from './tuple.ts'

function tuple(): Tuple {
  const made = new Tuple()
  made.setLocal(parseIpAddress('10.40.0.32'))
  made.setRemote(parseIpAddress('10.40.0.32'))
  made.localPort = 80
  made.remotePort = 5000
  return made
}

test('a connection that is claimed takes the place of an older one of its ports', () => {
  const table = new ConnectionTable<string>(10)
  const older = table.claim(tuple(), 'worker')
  older?.place(100, 200)
  Object.assign(older as object, { finSent: true, finReceived: true })
  const newer = table.claim(tuple(), 'primary')
  expect(newer).toMatchObject({ owner: 'primary', isOver: false, isAnswered: true, hasNumbers: false })
  newer?.place(300, 400)
  expect(table.find(tuple())).toMatchObject({ owner: 'primary', sndNxt: 300, rcvNxt: 400 })
  expect(table.size).toBe(1)
})

test('what segments, or an earlier word, have told of a connection stays when it is claimed again', () => {
  const table = new ConnectionTable<string>(10)
  table.claim(tuple(), 'primary')?.place(100, 200)
  const again = table.claim(tuple(), 'primary')
  again?.place(1, 2)
  expect(again).toMatchObject({ owner: 'primary', sndNxt: 100, rcvNxt: 200 })
})

test('nobody claims a connection that is on its way to another member, nor one beyond the limit', () => {
  const table = new ConnectionTable<string>(1)
  const moving = table.claim(tuple(), 'primary')
  Object.assign(moving as object, { owner: null })
  expect(table.claim(tuple(), 'primary')).toBeNull()
  expect(table.claim(new Tuple().reverse(tuple()), 'primary')).toBeNull()
  expect(table.refused).toBe(1)
})
