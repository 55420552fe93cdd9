/**
 * `ioth run` against `node`: how much later a program starts, and what it costs to sit idle.
 */
import { interleaved } from './measure.mjs'
import { runProgram, withSwitch } from './processes.mjs'

export const names = ['run.start', 'run.idle']

export async function run(wanted, { quick, report }) {
  await withSwitch(async (dir) => {
    const options = ['-f', dir, '-a', '10.0.0.9/24', '-q']
    if (wanted.includes('run.start')) await start(options, quick, report)
    if (wanted.includes('run.idle')) await idle(options, quick, report)
  })
}

async function start(options, quick, report) {
  const runs = {
    node: async () => (await runProgram('nothing.mjs')).milliseconds,
    ioth: async () => (await runProgram('nothing.mjs', options)).milliseconds,
  }
  const medians = await interleaved(runs, quick ? 7 : 20)
  const [value, base] = [medians.get('ioth'), medians.get('node')]
  report({
    name: 'run.start',
    title: 'ioth run: start of a program that ends at once, later than node',
    value,
    unit: 'ms',
    base,
    ratio: value - base,
    ratioUnit: ' ms',
    goal: 150,
    atLeast: false,
  })
}

/**
 * A whole minute, because V8 tidies its heap once, some eight seconds after the last work; the quick form begins after that and scales.
 */
async function idle(options, quick, report) {
  const [settle, measure] = quick ? [12, 6] : [2, 60]
  const perMinute = async (how) =>
    (Number((await runProgram('idle.mjs', how, [String(settle), String(measure)])).output) / measure) * 60
  const [base, value] = await Promise.all([perMinute(null), perMinute(options)])
  report({
    name: 'run.idle',
    title: 'ioth run: CPU of an idle program in 60 s',
    value,
    unit: 'ms',
    base,
    ratio: value,
    ratioUnit: ' ms',
    goal: 50,
    atLeast: false,
  })
}
