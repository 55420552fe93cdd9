/** The hostile corpus against one backend in real time: whatever comes, the process lives, and a client is served in between. */
import { writeFileSync } from 'node:fs'
import { backend as ts } from '@ioth/stack-ts'
import { it } from 'vitest'
import { attack, withCorpusLan } from '../../src/real-time/hostile-corpus.ts'
import { loadFrameDeviations, loadSubject } from './subjects.ts'

const { SUBJECT = 'ts', FRAMES = '100000', OUT, IOTH_SEED = '1' } = process.env
/** A client is served each time so many frames have come. */
const BETWEEN = 10_000

it(`H-01 to H-43: ${FRAMES} hostile frames, and still serving`, async () => {
  const knownFindings = new Map((await loadFrameDeviations(SUBJECT)).map(({ rule }) => [rule, 0]))
  const hosts = [{ backend: await loadSubject(SUBJECT), knownFindings }, { backend: ts }]
  const seed = Number(IOTH_SEED)
  const { sent, dropped, reasons } = await withCorpusLan({ hosts, seed, name: `corpus ${SUBJECT}` }, (scene) =>
    attack(scene, { frames: Number(FRAMES), seed, between: BETWEEN }),
  )
  if (OUT !== undefined) writeFileSync(OUT, `${sent} sent, ${dropped} dropped for ${reasons} reasons`)
}, 3_600_000)
