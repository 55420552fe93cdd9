/**
 * The command `ioth`: what can be typed, and how failures are told. Each command is loaded when it is called, so that
 * `ioth run` starts quickly.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { SwitchCommandOptions } from './commands/switch.ts'
import type { WireCommandOptions } from './commands/wire.ts'
import { EXIT, Failure, report } from './failure.ts'
import { addNetworkOptions, type NetworkSettings, resolveNetworkSettings } from './options/network-options.ts'
import { splitRunArguments } from './options/split-run-arguments.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const ioth = new Command('ioth')
  .description('The Internet of Threads: every process its own IP address and its own TCP/IP stack.')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: () => undefined })
  .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
  .addHelpText(
    'after',
    `
Examples:
  ioth run app.js -a 10.40.0.32/24        app.js gets an address of its own; its servers listen there
  ioth curl http://10.40.0.32/            fetch from it
  ioth ping -c 3 10.40.0.32
  ioth ps                                 who is on the network

More about one command: ioth COMMAND --help`,
  )

const words = process.argv.slice(2)

const run = addNetworkOptions(ioth.command('run'))
  .usage('[options] script [arguments]')
  .description('Run an unmodified Node program as a network node of its own.')
  .addHelpText(
    'after',
    `
Options may stand before the script, or after it; what follows -- is the program's alone. Options of Node (--inspect, --import tsx,
--env-file .env) stand before the script; with --test, --watch, -e and the like Node itself is the program. Every option also has an
environment variable: IOTH_ADDRESS, IOTH_FILENAME, IOTH_LIBRARY, ...; the variables of pycotcp (PYCOTCP_ADDRESS, ...) are read too. A flag
beats the environment, which beats the default.
With neither -a nor -f a free address on your default network is taken.

Examples:
  ioth run app.js -a 10.40.0.32/24
  ioth run -a 10.40.0.33/24 client.js http://10.40.0.32/
  ioth run app.js -a 10.40.0.32 -d web0 -f /tmp/web0.ctl -l ts -c
  ioth run -a 10.40.0.32/24 -- app.js -a "an option of app.js"
  ioth run --inspect app.js --pcap app.pcap
  ioth run --test -a 10.40.0.32/24        the test runner of Node; its files are processes of the node`,
  )

// The words after `run` are sorted before commander sees them: it gets our options only, the program's are not its business.
const program = words[0] === 'run' ? splitRunArguments(words.slice(1), run.options) : null
run.action(async () => {
  const { runProgram } = await import('./commands/run.ts')
  await runProgram(settingsOf(run), program as NonNullable<typeof program>)
})

const env = addNetworkOptions(ioth.command('env'))
  .description('The environment in which every Node program is on the network, for a shell or a CI system.')
  .addOption(
    new Option('--shell <form>', 'who reads it: sh, fish, powershell, plain (NAME=VALUE) or json')
      .choices(['sh', 'fish', 'powershell', 'plain', 'json'])
      .default('sh'),
  )
  .option('--scriptless', 'for programs without a script too: node -e, standard input')
  .addHelpText(
    'after',
    `
Examples:
  eval "$(ioth env -a 10.40.0.32/24)"; node app.js
  ioth env -a 10.40.0.32/24 --strict --shell plain >> "$GITHUB_ENV"

One program at a time has the address, with all that it starts. For several at once: ioth run -- sh -c 'node a.js & node b.js'`,
  )
env.action(async (options: { shell: string; scriptless?: boolean }) => {
  const { printEnvironment } = await import('./commands/env.ts')
  printEnvironment(settingsOf(env), options.shell, options.scriptless === true)
})

ioth
  .command('switch')
  .argument('<directory>', 'where its sockets are made; or: ctl DIR COMMAND, to command one that runs')
  .argument('[command...]', 'with ctl: the directory, and a command of its console; see: ioth switch ctl DIR help')
  .description('A switch for others to plug into, until it is stopped.')
  .option('--hub', 'send every frame to every port')
  .addOption(new Option('--mtu <octets>', 'largest IP packet').argParser(positiveInteger))
  .addOption(new Option('--queue <octets>', 'what may wait for one plug').argParser(positiveInteger))
  .addOption(new Option('--ports <number>', 'plugs at most').argParser(positiveInteger))
  .addOption(new Option('--ageing <seconds>', 'how long an address is remembered').argParser(positiveInteger))
  .addOption(new Option('--macs <number>', 'addresses remembered at most').argParser(positiveInteger))
  .addOption(
    new Option('--storm <frames>', 'broadcasts and multicasts of a port in a second, at most').argParser(
      positiveInteger,
    ),
  )
  .addOption(
    new Option('-c, --command <line>', 'a command of the console at the start; may be repeated').argParser(several),
  )
  .option('--group <name>', 'users of this group may plug in too')
  .addOption(
    new Option('--ws [port]', 'let browser tabs in by WebSocket, on loopback; tells the URL with its token').argParser(
      wholeNumber,
    ),
  )
  .addOption(
    new Option('--ws-origin <origin>', 'pages that may, beside those of this host; may be repeated').argParser(several),
  )
  .option('--json', 'with ctl: as JSON')
  .addHelpText(
    'after',
    `
Examples:
  ioth switch /tmp/vde.ctl
  ioth run app.js -a 10.40.0.32/24 -f /tmp/vde.ctl
  ioth switch /tmp/lan -c "vlan/create 10" -c "port/setvlan 3 10" -c "vlan/addport 10 1"
  ioth switch ctl /tmp/lan port/print
  ioth switch ctl /tmp/lan hash/print --json
  vdeterm /tmp/lan/mgmt                   the same console, by hand`,
  )
  .action(async (directory: string, words: string[], options: SwitchCommandOptions) => {
    const { commandSwitch, runSwitch } = await import('./commands/switch.ts')
    if (directory === 'ctl') await commandSwitch(words, options)
    else await runSwitch(directory, words, options)
  })

ioth
  .command('wire')
  .argument('<a>', 'a network, or - for standard input and output; or: ctl PATH COMMAND, to change one that is in')
  .argument('[b]', 'the other network')
  .argument('[command...]', 'with ctl: set NAME=VALUE, show, cut, heal, shutdown')
  .description('A cable between two networks, as good or bad as told.')
  .option('--loss <share>', 'frames that are lost: 5%')
  .option('--burst <frames>', 'losses come together, so many on average')
  .option('--delay <time>', 'time on the way: 20ms, 20ms±5ms')
  .option('--rate <bits>', 'octets that pass: 10mbit')
  .option('--queue <frames>', 'frames that wait for the rate')
  .option('--dup <share>', 'frames that come twice')
  .option('--reorder <share>', 'frames that others overtake: 2%, 2%:10ms')
  .option('--corrupt <share>', 'frames with a wrong bit')
  .option('--truncate <share>', 'frames that are cut short')
  .option('--mtu <octets>', 'longer packets are lost')
  .option('--seed <number>', 'the same chance each time')
  .option('--control <path>', 'a socket to change it by: ioth wire ctl PATH')
  .option('-q, --quiet', 'nothing on standard error but failures')
  .option('--json', 'with ctl: as JSON')
  .addHelpText(
    'after',
    `
Examples:
  ioth wire /tmp/one /tmp/two
  ioth wire /tmp/one /tmp/two --loss 5% --delay 20ms±5ms --rate 10mbit --control /tmp/wire
  ioth wire ctl /tmp/wire set loss=20% delay=100ms
  ioth wire ctl /tmp/wire cut a-to-b
  ioth wire /tmp/lan "cmd://ssh host ioth wire -q - /tmp/lan"`,
  )
  .action(async (a: string, b: string | undefined, words: string[], options: WireCommandOptions) => {
    const { commandWire, runWire } = await import('./commands/wire.ts')
    if (a === 'ctl') await commandWire(b === undefined ? [] : [b, ...words], options)
    else if (b === undefined) throw new Failure(EXIT.usage, 'a wire has two ends. See: ioth wire --help')
    else if (words.length > 0)
      throw new Failure(EXIT.usage, `"${words[0]}" is one word too many. See: ioth wire --help`)
    else await runWire(a, b, options)
  })

/** Options of the commands that are a node for a moment. */
const BRIEFLY: readonly (keyof NetworkSettings)[] = [
  'address',
  'filename',
  'library',
  'device',
  'gateway',
  'dns',
  'dhcp',
  'slaac',
  'pcap',
  'quiet',
]

const ping = addNetworkOptions(ioth.command('ping'), BRIEFLY)
  .argument('<address>', 'whom to ask: an address or a name')
  .description('Ask somebody for an echo, from a stack of its own.')
  .addOption(new Option('-c, --count <number>', 'how many requests').argParser(positiveInteger))
  .addOption(new Option('-i, --interval <seconds>', 'time between two requests').argParser(seconds).default(1))
  .addOption(new Option('-W, --timeout <seconds>', 'how long to wait for a reply').argParser(seconds).default(1))
  .addOption(new Option('-s, --size <octets>', 'data in each request').argParser(wholeNumber).default(56))
  .addOption(new Option('--ttl <number>', 'time to live').argParser(positiveInteger))
  .addHelpText(
    'after',
    '\nExamples:\n  ioth ping -c 3 10.40.0.32\n  ioth ping -f /tmp/vde.ctl -a 10.40.0.9/24 10.40.0.32\n  ioth ping --dns 10.40.0.53 web0.example.org',
  )
ping.action(async (target: string) => {
  const command = await import('./commands/ping.ts')
  await command.ping(target, ping.opts(), settingsOf(ping))
})

const traceroute = addNetworkOptions(ioth.command('traceroute'), BRIEFLY)
  .argument('<address>', 'where to: an address or a name')
  .description('The routers on the way to somebody, seen from a stack of its own.')
  .addOption(new Option('-m, --max-hops <number>', 'how far to look').argParser(positiveInteger).default(30))
  .addOption(new Option('-p, --probes <number>', 'requests for each hop').argParser(positiveInteger).default(3))
  .addOption(new Option('-w, --wait <seconds>', 'how long to wait for each answer').argParser(seconds).default(3))
  .option('--json', 'as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  ioth traceroute -a 10.40.0.9/24 --gateway 10.40.0.1 192.0.2.1\n  ioth traceroute --dhcp --json far.example.org',
  )
traceroute.action(async (target: string) => {
  const command = await import('./commands/traceroute.ts')
  await command.traceroute(target, traceroute.opts(), settingsOf(traceroute))
})

const resolve = addNetworkOptions(ioth.command('resolve'), BRIEFLY)
  .argument('<name>', 'a name, or an address whose names are wanted')
  .description("What a network's name servers say about a name.")
  .option('-t, --type <type>', 'A, AAAA, MX, NS, TXT, SRV, ...; without it the addresses')
  .option('--json', 'as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  ioth resolve --dns 10.40.0.53 web0.example.org\n  ioth resolve --dhcp -t MX example.org --json\n  ioth resolve --dns 10.40.0.53 10.40.0.32',
  )
resolve.action(async (name: string) => {
  const command = await import('./commands/resolve.ts')
  await command.resolve(name, resolve.opts(), settingsOf(resolve))
})

const curl = addNetworkOptions(ioth.command('curl'), BRIEFLY, ['-a', '-f', '-l'])
  .argument('<url>', 'what to fetch; http:// may be left out')
  .description('Fetch by HTTP or HTTPS, from a stack of its own.')
  .option('-o, --output <file>', 'write the body to a file')
  .option('-I, --head', 'fetch the head only')
  .option('-i, --include', 'print the head too')
  .option('-s, --silent', 'no error messages')
  .option('-X, --request <method>', 'GET, POST, PUT, DELETE, ...')
  .addOption(
    new Option('-d, --data <text>', 'send this (@FILE: a file, @-: standard input) by POST').argParser(several),
  )
  .addOption(new Option('-H, --header <line>', 'a header: "name: value"; may be repeated').argParser(several))
  .option('-L, --location', 'follow redirections')
  .option('-k, --insecure', 'accept any certificate')
  .option('--fail', 'an answer of 400 or more is a failure: no body, exit code 22')
  .addOption(new Option('-m, --max-time <seconds>', 'give up after so long').argParser(seconds))
  .addHelpText(
    'after',
    '\nExamples:\n  ioth curl http://10.40.0.32/\n  ioth curl -X POST -H "content-type: application/json" -d \'{"a":1}\' 10.40.0.32/items\n  ioth curl -k https://10.40.0.32/ -o page.html',
  )
curl.action(async (url: string) => {
  const command = await import('./commands/curl.ts')
  await command.curl(url, curl.opts(), settingsOf(curl))
})

const publish = addNetworkOptions(ioth.command('publish'), BRIEFLY)
  .argument('<ports...>', '[HOST:]PORT:ADDRESS:PORT, with /udp behind it for datagrams')
  .description('Ports of the host that lead to nodes, until it is stopped. Needs no root.')
  .addHelpText(
    'after',
    `
They are open on loopback only, unless HOST says otherwise. An IPv6 address stands in brackets; names are resolved inside of the network.

Examples:
  ioth publish 8080:10.40.0.32:80
  ioth publish 8080:10.40.0.32:80 5353:10.40.0.53:53/udp "8081:[fc00::32]:80"
  ioth publish 0.0.0.0:8080:10.40.0.32:80`,
  )
publish.action(async (ports: string[]) => {
  const command = await import('./commands/publish.ts')
  await command.publishPorts(ports, settingsOf(publish))
})

const proxy = addNetworkOptions(ioth.command('proxy'), BRIEFLY)
  .argument('[port]', 'port of the host, on loopback', wholeNumber, 1080)
  .description('A proxy into the network: SOCKS 5 and HTTP on one port. Needs no root.')
  .option('--listen <address>', 'another address of loopback', '127.0.0.1')
  .option(
    '--password <user:password>',
    'only for those who know it; better in IOTH_PROXY_PASSWORD, where ps does not show it',
  )
  .addHelpText(
    'after',
    '\nNames are resolved inside of the network.\n\nExamples:\n  ioth proxy --dhcp\n  curl -x socks5h://127.0.0.1:1080 http://10.40.0.32/\n  chromium --proxy-server=socks5://127.0.0.1:1080 http://10.40.0.32/',
  )
proxy.action(async (port: number) => {
  const command = await import('./commands/proxy.ts')
  await command.proxy(port, proxy.opts(), settingsOf(proxy))
})

const vde = ioth
  .command('vde')
  .description('A switch that the host itself is plugged into, by a TAP interface. For root.')

vde
  .command('start')
  .argument('<address>', "the host's address, as in 10.40.0.1/24")
  .argument('[directory]', 'where the switch is made', '/tmp/vde.ctl')
  .argument('[tap]', 'name of the interface; without it the first of tap0, tap1, ... that is free')
  .description('Start a switch, and give the host an interface on it.')
  .addOption(
    new Option('-a, --address <address>', 'one more address, of IPv6 perhaps; may be repeated').argParser(several),
  )
  .option('--engine <name>', 'whose switch: ioth, or vde_switch of Debian', 'ioth')
  .addHelpText(
    'after',
    '\nExamples:\n  ioth vde start 10.40.0.1/24 /tmp/vde.ctl tap0 -a fc00::1/64\n  ioth run app.js -a 10.40.0.32 -f /tmp/vde.ctl\n  curl http://10.40.0.32/\n  ioth vde stop /tmp/vde.ctl',
  )
  .action(
    async (
      address: string,
      directory: string,
      tap: string | undefined,
      options: { address?: string[]; engine: string },
    ) => {
      const command = await import('./commands/vde.ts')
      await command.vdeStart(address, directory, tap, options)
    },
  )

vde
  .command('stop')
  .argument('[directory]', 'that of the switch', '/tmp/vde.ctl')
  .description('Undo exactly what start did, also after a crash.')
  .action(async (directory: string) => {
    const command = await import('./commands/vde.ts')
    await command.vdeStop(directory)
  })

vde
  .command('status')
  .description('What was started, and whether it still runs.')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean }) => {
    const command = await import('./commands/vde.ts')
    command.vdeStatus(options)
  })

const gateway = addNetworkOptions(ioth.command('gateway'), ['address', 'netmask', 'filename', 'device', 'dns', 'quiet'])
  .description('The way from a network into the world, with DHCP and names, until it is stopped. Needs no root.')
  .addOption(
    new Option(
      '--allow <rule>',
      'what may be reached: ADDRESS[/PREFIX][:PORT[-PORT]] or any; may be repeated',
    ).argParser(rule),
  )
  .addOption(new Option('--deny <rule>', 'what may not; of all rules the last one that fits decides').argParser(rule))
  .option('--no-dhcp', 'lend no addresses')
  .option('--range <first-last>', 'addresses to lend')
  .option('--domain <name>', 'domain of the names of nodes', 'ioth.internal')
  .option('--no-ipv6', 'no router advertisements')
  .addHelpText(
    'after',
    `
Without rules nodes reach what the host reaches, but for the host's own loopback, link-local addresses and the metadata of clouds: these must
be named by a rule. Loopback of the host is then at the gateway's own address.

Examples:
  ioth gateway
  ioth run app.js --dhcp
  ioth gateway -f /tmp/lan -a 10.1.0.1/24 --dns 192.0.2.53
  ioth gateway --deny any --allow 192.0.2.0/24:80-443
  ioth gateway --allow 127.0.0.1:5432            the host's port 5432, at 10.40.0.1:5432`,
  )
gateway.action(async () => {
  const command = await import('./commands/gateway.ts')
  await command.gateway(gateway.opts(), settingsOf(gateway))
})

const nc = addNetworkOptions(ioth.command('nc'), BRIEFLY, ['-a', '-f'])
  .usage('[options] [address] port')
  .argument('<words...>', 'whom to speak to, and the port')
  .description('Standard input and output, joined to a connection of the network.')
  .option('-l, --listen', 'wait for a connection')
  .option('-u, --udp', 'datagrams')
  .option('-k, --keep', 'go on listening after a connection')
  .option('-z, --zero', 'only look whether the port is open')
  .addOption(new Option('-w, --wait <seconds>', 'end after so long a silence').argParser(seconds))
  .option('-v, --verbose', 'tell what happens')
  .addHelpText(
    'after',
    '\nExamples:\n  echo hello | ioth nc 10.40.0.32 7\n  ioth nc -a 10.40.0.9/24 --listen 7000 > file\n  ioth nc -z 10.40.0.32 80',
  )
nc.action(async (words: string[]) => {
  const command = await import('./commands/nc.ts')
  await command.nc(words, nc.opts(), settingsOf(nc))
})

const cap = addNetworkOptions(ioth.command('cap'), ['filename', 'device', 'quiet'])
  .argument('[whom]', 'only what this process id, name or address sends and gets')
  .description(
    'A live capture of a network, with its programs by name: a pcapng file, or standard output for Wireshark.',
  )
  .option('-w, --write <file>', 'the file; without it standard output')
  .option('--keylog <file>', 'secrets of TLS, as node --tls-keylog=FILE writes them, go into the capture')
  .addOption(new Option('-c, --count <number>', 'end after so many frames').argParser(positiveInteger))
  .addHelpText(
    'after',
    `
Examples:
  ioth cap | wireshark -k -i -
  ioth cap -w lan.pcapng -f /tmp/lan
  ioth cap shop.js -c 100 | tshark -r -
  ioth run --tls-keylog=/tmp/keys shop.js -a 10.40.0.32        and: ioth cap --keylog /tmp/keys -w shop.pcapng`,
  )
cap.action(async (whom: string | undefined) => {
  const command = await import('./commands/cap.ts')
  await command.cap(whom, cap.opts(), settingsOf(cap))
})

const ps = addNetworkOptions(ioth.command('ps'), ['filename', 'device'])
  .description('Who is on a network.')
  .option('--json', 'as JSON')
  .option('-w, --watch', 'again and again, with rates')
  .addOption(new Option('-i, --interval <seconds>', 'between two looks').argParser(seconds).default(1))
  .addHelpText('after', '\nExamples:\n  ioth ps\n  ioth ps --watch\n  ioth ps -f /tmp/vde.ctl --json')
ps.action(async () => {
  const command = await import('./commands/ps.ts')
  await command.ps(ps.opts(), settingsOf(ps))
})

const doctor = addNetworkOptions(ioth.command('doctor'), ['filename', 'device'])
  .description('What is usable here, what is broken, and what to type about it.')
  .option('--json', 'as JSON')
  .addHelpText('after', '\nExamples:\n  ioth doctor\n  ioth doctor -f /tmp/vde.ctl')
doctor.action(async () => {
  const command = await import('./commands/doctor.ts')
  await command.doctor(doctor.opts(), settingsOf(doctor))
})

ioth
  .command('backends')
  .description('Which TCP/IP stacks can be used here, what each can do, and what to do about the others.')
  .option('--json', 'as JSON')
  .addHelpText('after', '\nExamples:\n  ioth backends\n  ioth run app.js -l ts')
  .action(async (options: { json?: boolean }) => {
    const command = await import('./commands/backends.ts')
    await command.backends(options)
  })

const diff = ioth
  .command('diff')
  .argument('<script>', 'a program that listens')
  .argument('[arguments...]', 'arguments of the program')
  .description('The same program and client on several backends: the first place where what they saw differs.')
  .requiredOption(
    '--backends <names>',
    'names, packages or paths, separated by commas; the first is what the others are held against',
  )
  .option(
    '--client <script>',
    'a program that speaks to it; gets its address as argument. Without it an HTTP client of our own',
  )
  .addOption(new Option('--timeout <seconds>', 'how long the client may take').argParser(seconds).default(60))
  .option('--json', 'as JSON, with every call of every run')
  .addHelpText(
    'after',
    '\nExit code 1 when there is a difference.\n\nExamples:\n  ioth diff examples/http-server.mjs --backends ts,lwipv6\n  ioth diff server.js --client client.js --backends ts,picotcp,./my-stack.mjs',
  )
diff.action(async (script: string, args: string[]) => {
  const command = await import('./commands/diff.ts')
  await command.diff(script, args, diff.opts())
})

void main()

async function main(): Promise<void> {
  if (program === null) process.stdout.on('error', endWithReader)
  try {
    await ioth.parseAsync(program === null ? words : ['run', ...program.ours], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) report(error)
    else if (error.exitCode !== 0) report(misuse(error))
  }
}

/** Whoever reads our output has seen enough: `ioth ps | head -1`. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit()
}

/** What the parser says, with the command that helps. */
function misuse(error: CommanderError): Failure {
  if (error.code === 'commander.help')
    return new Failure(EXIT.usage, 'there is no command. See above, or type: ioth --help')
  const name = ioth.commands.find((command) => command.name() === words[0])?.name()
  const said = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.?$/, '.')
  const script =
    name === undefined && /\.([cm]?[jt]s)$/.test(words[0] ?? '')
      ? ` To run a program type: ioth run ${words.join(' ')}`
      : ''
  return new Failure(EXIT.usage, `${said}${script || ` See: ioth ${name === undefined ? '' : `${name} `}--help`}`)
}

function settingsOf(command: Command): NetworkSettings {
  return resolveNetworkSettings(command.opts(), process.env)
}

function several(value: string, before: string[] = []): string[] {
  return [...before, value]
}

let rules = 0

/** With its place among all rules. */
function rule(text: string, before: { text: string; place: number }[] = []): { text: string; place: number }[] {
  return [...before, { text, place: rules++ }]
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at least 1.')
  return Number(text)
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0)) throw new InvalidArgumentError('It must be a number of seconds.')
  return value
}
