/**
 * `npm start`: the main job, shown end to end in a few seconds. A switch, an unmodified web server with an IP address of its own, and a
 * client with another one that fetches from it: three processes and a network that exist for this demonstration only.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main, prepare, root } from './prepare.mjs'

const ioth = join(root, 'packages', 'cli', 'bin', 'ioth.js')
const server = join('examples', 'http-server.mjs')
const client = join('examples', 'http-client.mjs')
// Settings of the user's own must not reach into the demonstration.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(IOTH|PYCOTCP)_|^PORT$/.test(name)))
/** What is still running, the latest last. */
const running = []

await main(async () => {
  await prepare()
  const folder = mkdtempSync(join(tmpdir(), 'ioth-demo-'))
  try {
    await show(join(folder, 'switch'))
  } finally {
    for (const child of running.reverse()) await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
})

async function show(network) {
  tell('A switch, an ordinary process of yours:')
  await start(['switch', network], /switch/i)

  tell('A web server that knows nothing of ioth, listening on port 80 of an address that only this process has:')
  await start(['run', server, '-a', '10.40.0.32/24', '-f', network], /Serving on port 80/)

  tell('A client process with an address of its own fetches from it:')
  const fetching = ['run', '-a', '10.40.0.33/24', '-f', network, client]
  await finish([...fetching, 'http://10.40.0.32/'])
  await finish([...fetching, 'http://10.40.0.32/big'])

  tell('The address answers pings, too:')
  await finish(['ping', '-c', '1', '-f', network, '10.40.0.32'])

  process.stdout.write(`
That was all of it: no root, no containers, and your machine's own network was never touched.

Now you, in two terminals (without -f, your programs meet on a network of your own that starts by itself):
  npx ioth run ${server} -a 10.40.0.32/24
  npx ioth curl http://10.40.0.32/
Then try your own program: npx ioth run YOUR-APP.js -a 10.40.0.40/24   (and see: npx ioth --help)
`)
}

function tell(text) {
  process.stdout.write(`\n${text}\n`)
}

/** Starts a command that goes on, and waits for the line that says it is ready. */
function start(args, ready) {
  const child = launch(args)
  running.push(child)
  return new Promise((resolve, reject) => {
    const seen = (text) => ready.test(text) && resolve()
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        process.stdout.write(indented(chunk))
        seen(String(chunk))
      })
    }
    child.on('exit', (code, signal) =>
      reject(new Error(`"ioth ${args.join(' ')}" ended early (${signal ?? `exit code ${code}`})`)),
    )
  })
}

/** Runs a command to its end. */
function finish(args) {
  const child = launch(args)
  child.stdout.on('data', (chunk) => process.stdout.write(indented(chunk)))
  child.stderr.on('data', (chunk) => process.stdout.write(indented(chunk)))
  return new Promise((resolve, reject) => {
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`"ioth ${args.join(' ')}" failed (exit code ${code})`)),
    )
  })
}

function launch(args) {
  process.stdout.write(`  $ npx ioth ${args.join(' ')}\n`)
  return spawn(process.execPath, [ioth, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.removeAllListeners('exit')
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await ended
}

function indented(chunk) {
  return String(chunk).replace(/^(?=.)/gm, '    ')
}
