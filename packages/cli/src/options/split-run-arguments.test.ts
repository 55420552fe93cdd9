import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addNetworkOptions } from './network-options.ts'
import { splitRunArguments } from './split-run-arguments.ts'

const known = addNetworkOptions(new Command()).options

const table: [words: string, ours: string, node: string, script: string | undefined, program: string][] = [
  // words                                  ours                       node            script      program
  ['app.js', '', '', 'app.js', ''],
  ['-a 10.0.0.1 app.js', '-a 10.0.0.1', '', 'app.js', ''],
  ['app.js -a 10.0.0.1', '-a 10.0.0.1', '', 'app.js', ''],
  ['app.js one -a 10.0.0.1 two', '-a 10.0.0.1', '', 'app.js', 'one two'],
  ['-a 10.0.0.1 -- app.js -a x', '-a 10.0.0.1', '', 'app.js', '-a x'],
  ['app.js -a 10.0.0.1 -- -a x -q', '-a 10.0.0.1', '', 'app.js', '-a x -q'],
  ['app.js -- -- x', '', '', 'app.js', '-- x'],
  ['--address=10.0.0.1 app.js --address=fc00::1', '--address=10.0.0.1 --address=fc00::1', '', 'app.js', ''],
  ['-a10.0.0.1 -cq app.js', '-a10.0.0.1 -cq', '', 'app.js', ''],
  ['app.js -cq -a10.0.0.1', '', '', 'app.js', '-cq -a10.0.0.1'],
  ['app.js -c -d web0 -f /tmp/x -l ts', '-c -d web0 -f /tmp/x -l ts', '', 'app.js', ''],
  ['app.js --port 80 -x --verbose', '', '', 'app.js', '--port 80 -x --verbose'],
  ['app.js --help --version', '', '', 'app.js', '--help --version'],
  ['--inspect=0 -q app.js --inspect', '-q', '--inspect=0', 'app.js', '--inspect'],
  ['--import ./hook.mjs app.js', '', '--import ./hook.mjs', 'app.js', ''],
  ['-r ./hook.cjs --max-old-space-size=100 app.js', '', '-r ./hook.cjs --max-old-space-size=100', 'app.js', ''],
  ['--env-file .env --title x app.js', '', '--env-file .env --title x', 'app.js', ''],
  ['--import tsx app.ts -a 10.0.0.1', '-a 10.0.0.1', '--import tsx', 'app.ts', ''],
  ['--max_old_space_size 100 --no-warnings app.js', '', '--max_old_space_size 100 --no-warnings', 'app.js', ''],
  ['--help app.js', '--help', '', 'app.js', ''],
  ['--adress 10.0.0.1 app.js', '--adress', '', '10.0.0.1', 'app.js'],
  ['--no-create app.js', '--no-create', '', 'app.js', ''],
  ['-a 10.0.0.1', '-a 10.0.0.1', '', undefined, ''],
  ['app.js -a', '-a', '', 'app.js', ''],
  ['--host db:5432 --strict --report app.js', '--host db:5432 --strict --report', '', 'app.js', ''],
  ['--report=json --host=:80 app.js --report=x', '--report=json --host=:80', '', 'app.js', '--report=x'],
  ['app.js --host 0.0.0.0 --strict -a x', '-a x', '', 'app.js', '--host 0.0.0.0 --strict'],
  ['', '', '', undefined, ''],
]

describe('the words after ioth run', () => {
  test.each(table)('%s', (words, ours, node, script, program) => {
    const split = splitRunArguments(list(words), known)
    expect(split).toEqual({ ours: list(ours), node: list(node), nodeIsProgram: false, script, program: list(program) })
  })

  test.each([
    ['--test', '', '--test', undefined, ''],
    ['--test -a 10.0.0.1', '-a 10.0.0.1', '--test', undefined, ''],
    ['-q --test --test-reporter tap a.mjs b.mjs', '-q', '--test --test-reporter tap', 'a.mjs', 'b.mjs'],
    ['--watch app.js -a 10.0.0.1 one', '-a 10.0.0.1', '--watch', 'app.js', 'one'],
    ['--watch-path src app.js', '', '--watch-path src', 'app.js', ''],
    ['-e code one -a 10.0.0.1', '-a 10.0.0.1', '-e code', 'one', ''],
    ['-p code -- -a one', '', '-p code', '-a', 'one'],
    ['-pe code', '', '-pe code', undefined, ''],
    ['--eval=code', '', '--eval=code', undefined, ''],
    ['- one', '', '', '-', 'one'],
  ] as const)('Node itself is the program: %s', (words, ours, node, script, program) => {
    const split = splitRunArguments(list(words), known)
    expect(split).toEqual({ ours: list(ours), node: list(node), nodeIsProgram: true, script, program: list(program) })
  })
})

function list(words: string): string[] {
  return words === '' ? [] : words.split(' ')
}
