import fc from 'fast-check'

// Two runs do the same, so that a change is never blamed for what another seed found. IOTH_SEED=random explores; a failure prints its seed.
// IOTH_RUNS says how often each property runs that does not say so itself.
const { IOTH_SEED = '1', IOTH_RUNS } = process.env
fc.configureGlobal({
  ...(IOTH_SEED === 'random' ? {} : { seed: Number(IOTH_SEED) }),
  ...(IOTH_RUNS === undefined ? {} : { numRuns: Number(IOTH_RUNS) }),
})
