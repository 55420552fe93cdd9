import fc from 'fast-check'

// Two runs do the same, so that a change is never blamed for what another seed found. IOTH_SEED=random explores; a failure prints its seed.
const { IOTH_SEED = '1' } = process.env
if (IOTH_SEED !== 'random') fc.configureGlobal({ seed: Number(IOTH_SEED) })
