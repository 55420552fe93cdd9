// Opens a network and sends what its standard input says, a frame a line: `open-and-say.mjs VNL`.
import { createInterface } from 'node:readline'
import { createBatch, defaultPool, NO_OFFLOAD, pushFrame } from '@ioth/core'
import { openVnl } from '@ioth/vde'

const link = await openVnl(process.argv[2] ?? '')
link.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed() {} })
console.log('open')
const pool = defaultPool()
createInterface(process.stdin).on('line', (line) => {
  const batch = createBatch(pool, 1)
  const at = pool.take(60)
  pool.bytes.fill(0, at, at + 60)
  pool.bytes.fill(255, at, at + 6)
  pool.bytes.set([2, 0, 0, 0, 0, 7, 0x88, 0xb5, ...Buffer.from(line)], at + 6)
  pushFrame(batch, at, 60)
  link.send(batch)
})
