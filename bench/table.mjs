/**
 * Results as lines of a table.
 */

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

export function heading() {
  const words = row('bench', 'measured', 'against', 'ratio', 'goal', '')
  return `${words}\n${'-'.repeat(words.length)}`
}

export function line({ title, value, base, unit, ratio, goal, atLeast, ratioUnit = 'x' }, met) {
  const bound = goal === null ? '' : `${atLeast ? '>=' : '<='} ${number.format(goal)}${ratioUnit}`
  const verdict = met === null ? '' : met ? 'met' : 'MISSED'
  return row(
    title,
    `${number.format(value)} ${unit}`,
    base === null ? '' : `${number.format(base)} ${unit}`,
    `${number.format(ratio)}${ratioUnit}`,
    bound,
    verdict,
  )
}

function row(title, value, base, ratio, goal, verdict) {
  return [
    title.padEnd(62),
    value.padStart(14),
    base.padStart(14),
    ratio.padStart(10),
    goal.padStart(11),
    verdict.padStart(7),
  ].join(' ')
}
