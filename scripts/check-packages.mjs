/**
 * `npm run check:packages`: what users get from npm. Packs every package, has publint look at each tarball, installs all of them by npm
 * in an empty folder elsewhere, and there lets `npx ioth run server.mjs -a 10.40.0.32/24` serve and be fetched from.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { main, npmCommand, packageFolders, prepare, run, tool } from './prepare.mjs'

const [command, ...npm] = npmCommand

await main(async () => {
  await prepare()
  const folder = mkdtempSync(join(tmpdir(), 'ioth-packed-'))
  try {
    await pack(folder)
    await install(folder)
    await serve(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

async function pack(folder) {
  const tarballs = join(folder, 'tarballs')
  mkdirSync(tarballs)
  for (const source of packageFolders()) await npmRun(['pack', '--silent', '--pack-destination', tarballs], source)
  for (const name of readdirSync(tarballs)) {
    await run(process.execPath, [tool('publint', 'src/cli.js'), 'run', join(tarballs, name), '--strict'], {
      quiet: true,
    })
    console.log(`publint finds nothing in ${name}`)
  }
}

async function install(folder) {
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n')
  const tarballs = readdirSync(join(folder, 'tarballs')).map((name) => join(folder, 'tarballs', name))
  await npmRun(['install', '--silent', '--no-audit', '--no-fund', ...tarballs], app)
  console.log(`npm installs ${tarballs.map((path) => basename(path)).join(' ')}`)
}

async function serve(folder) {
  const app = join(folder, 'app')
  const text = 'served from a packed copy'
  writeFileSync(
    join(app, 'server.mjs'),
    `import { createServer } from 'node:http'
createServer((_, response) => response.end('${text}')).listen(80, () => console.log('ready'))
`,
  )
  // A runtime directory of its own: its default network is nobody else's.
  const runtime = join(folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime }
  const server = spawn(command, [...npm, 'exec', '--', 'ioth', 'run', 'server.mjs', '-a', '10.40.0.32/24'], {
    cwd: app,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  try {
    await Promise.race([
      new Promise((resolve) => server.stdout.once('data', resolve)),
      ended.then((code) => Promise.reject(new Error(`the packed server ended early (exit code ${code})`))),
    ])
    const got = await output(['exec', '--', 'ioth', 'curl', 'http://10.40.0.32/'], { cwd: app, env })
    if (got.trim() !== text) throw new Error(`the packed server should have answered "${text}", not "${got}"`)
    console.log('npx ioth run server.mjs -a 10.40.0.32/24 serves')
  } finally {
    // npx starts the program by way of a shell: the whole group is ours to end.
    if (server.exitCode === null) process.kill(-server.pid)
    await ended
  }
}

function npmRun(args, cwd) {
  return run(command, [...npm, ...args], { cwd, quiet: true })
}

function output(args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...npm, ...args], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`"${args.join(' ')}" failed (exit code ${code})`)),
    )
  })
}
