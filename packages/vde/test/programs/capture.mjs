// Captures what it sends, then exits at once: `capture.mjs FILE COUNT`.
import { createBatch, defaultPool, defaultScheduler, NO_OFFLOAD, pushFrame } from '@ioth/core'
import { captureToFile, openVnl } from '@ioth/vde'

const [file, count] = process.argv.slice(2)
const pool = defaultPool()
try {
  const link = captureToFile(await openVnl('null://'), file, { scheduler: defaultScheduler(), pool })
  link.attach({ accepts: NO_OFFLOAD, frames() {}, writable() {}, changed() {} })
  for (let sent = 0; sent < Number(count); sent++) {
    const batch = createBatch(pool, 1)
    const at = pool.take(1000)
    pool.bytes.fill(0, at, at + 1000)
    pushFrame(batch, at, 1000)
    link.send(batch)
  }
  process.exit()
} catch (error) {
  console.log(`failed ${error.code}: ${error.message}`)
}
