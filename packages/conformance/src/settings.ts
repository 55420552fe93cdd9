/**
 * What the environment says about a run of the suite.
 *
 * - `IOTH_RUNS`: runs of each property. @default 20
 * - `IOTH_FRAMES`: hostile frames of each campaign (P-14, P-15, P-16). @default 6000
 * - `IOTH_SEED`: the seed of all properties, or `random`. @default 1, so that two runs do the same
 * - `IOTH_PATH`: with the seed, replays one failure (fast-check prints it).
 * - `IOTH_COMMANDS`: with both, which commands of a socket program ran (`replayPath` of fast-check).
 * - `IOTH_REQUIRE_BACKENDS`: names, separated by commas, of backends whose absence is a failure.
 *
 * @module
 */

export interface RunSettings {
  readonly runs: number
  readonly frames: number
  readonly seed: number
  readonly path: string | undefined
  readonly commands: string | undefined
  readonly requiredBackends: readonly string[]
}

export function readSettings(environment: Readonly<Record<string, string | undefined>> = process.env): RunSettings {
  const {
    IOTH_RUNS = '20',
    IOTH_FRAMES = '6000',
    IOTH_SEED = '1',
    IOTH_PATH,
    IOTH_COMMANDS,
    IOTH_REQUIRE_BACKENDS = '',
  } = environment
  return {
    runs: wholeNumber('IOTH_RUNS', IOTH_RUNS),
    frames: wholeNumber('IOTH_FRAMES', IOTH_FRAMES),
    seed: IOTH_SEED === 'random' ? Date.now() & 0x7fff_ffff : wholeNumber('IOTH_SEED', IOTH_SEED),
    path: IOTH_PATH,
    commands: IOTH_COMMANDS,
    requiredBackends: IOTH_REQUIRE_BACKENDS.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`${name} is "${text}"; give a whole number`)
  return Number(text)
}
