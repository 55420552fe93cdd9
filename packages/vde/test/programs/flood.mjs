// Sends as much as a link takes, then exits from inside: `flood.mjs DIR`. What was taken must be out by then.
import { createBatch, defaultPool, NO_OFFLOAD, pushFrame } from '@ioth/core'
import { openVnl } from '@ioth/vde'

const link = await openVnl(process.argv[2] ?? '')
link.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed() {} })
const pool = defaultPool()
const batch = createBatch(pool, 64)
let sent = 0
let taken = 64
while (taken === 64) {
  batch.count = 0
  while (batch.count < batch.capacity) {
    const at = pool.take(1514)
    pool.bytes.fill(255, at, at + 6)
    pool.bytes.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], at + 6)
    pool.view.setUint32(at + 14, sent + batch.count)
    pushFrame(batch, at, 1514)
  }
  taken = link.send(batch)
  sent += taken
}
process.on('exit', () => {
  console.log(`sent ${sent} ${link.flush()}`)
})
process.exit()
