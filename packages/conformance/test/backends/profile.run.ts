/** The short profile over one backend, or a pair of them: what `npm run test:backends` starts. The variables say which. */
import { type LineName, testRealTime } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { loadDeviations, loadFrameDeviations, loadSubject } from './subjects.ts'

const { SUBJECT = 'ts', PEER = 'ts', TESTS, LINES, FRAMES = '2000', RUNS = '2' } = process.env

const [backend, peer] = (await Promise.all([loadSubject(SUBJECT), loadSubject(PEER)])) as [Backend, Backend]
// What would end the process is left out; everything else is run as it is, and compared with the deviations afterwards.
const deviations = (await Promise.all([SUBJECT, PEER].map(loadDeviations))).flat().filter(({ skip }) => skip === true)

testRealTime(
  {
    name: SUBJECT,
    backend,
    peer,
    deviations,
    frameDeviations: await loadFrameDeviations(SUBJECT),
    peerFrameDeviations: await loadFrameDeviations(PEER),
    ...(TESTS === undefined ? {} : { tests: new RegExp(TESTS) }),
  },
  {
    runs: Number(RUNS),
    frames: Number(FRAMES),
    ...(LINES === undefined ? {} : { lines: LINES.split(';') as LineName[] }),
  },
)
