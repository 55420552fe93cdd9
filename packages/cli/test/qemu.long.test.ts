/**
 * A virtual machine on our switch: QEMU without a disk and without KVM. The boot ROM of its network card takes an address from
 * `ioth gateway` and fetches a file from a program under `ioth run`.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { ioth, startSwitch } from './support/processes.ts'

const QEMU = 'qemu-system-x86_64'
/** The boot ROM of its network card. */
const ROM = '/usr/lib/ipxe/qemu/pxe-virtio.rom'
const isMissing = (spawnSync(QEMU, ['--version']).error !== undefined || !existsSync(ROM)) && !process.env.CI
const why = isMissing ? ' (skipped: apt-get install qemu-system-x86 ipxe-qemu)' : ''

const ENDED = '\n(the machine ended)'

/** The console of a machine: what it shows, and keys for it. */
class Machine {
  shown = ''
  private readonly child: ReturnType<typeof spawn>
  private readonly waiting = new Set<() => void>()

  constructor(args: readonly string[]) {
    this.child = spawn(QEMU, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const hear = (text: Buffer): void => {
      this.shown += String(text)
      for (const check of this.waiting) check()
    }
    this.child.stdout?.on('data', hear)
    this.child.stderr?.on('data', hear)
    this.child.on('close', () => {
      this.shown += ENDED
      for (const check of this.waiting) check()
    })
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  press(key: string): void {
    this.child.stdin?.write(key)
  }

  /** Types a line, each key when the one before has shown itself: the machine's serial port holds sixteen octets. */
  async type(line: string): Promise<void> {
    for (const key of line) {
      const before = this.shown.length
      this.press(key)
      await this.until(() => this.shown.length > before)
    }
    this.press('\r')
  }

  async shows(pattern: RegExp): Promise<void> {
    await this.until(() => pattern.test(this.shown), String(pattern))
  }

  private until(isSo: () => boolean, what = 'an echo'): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (isSo()) resolve()
        else if (this.shown.endsWith(ENDED)) reject(new Error(`never ${what}:\n${this.shown}`))
        else return
        this.waiting.delete(check)
      }
      this.waiting.add(check)
      check()
    })
  }
}

test.skipIf(isMissing)(`a machine boots from the network${why}`, async () => {
  const { path } = await startSwitch()
  const gateway = ioth(['gateway', '-f', path, '-a', '10.40.0.1/24'])
  await gateway.prints(/gateway/)
  const server = ioth([
    'run',
    '-q',
    '-a',
    '10.40.0.32/24',
    '-f',
    path,
    'packages/cli/test/programs/big-file.mjs',
    'it-is-us',
  ])
  await server.prints(/listening/)
  const machine = new Machine([
    ...['-machine', 'pc,accel=tcg', '-m', '256', '-nographic', '-no-reboot'],
    ...['-netdev', `vde,id=net,sock=${path}`, '-device', `virtio-net-pci,netdev=net,bootindex=1`],
  ])
  await machine.shows(/Ctrl-B for the iPXE command line/)
  machine.press('\u0002')
  await machine.shows(/iPXE>/)
  await machine.type('dhcp net0')
  await machine.shows(/Configuring[\s\S]*ok/)
  await machine.type('show net0/ip')
  await machine.shows(/ip:ipv4 = 10\.40\.0\.1\d\d/)
  await machine.type('imgfetch --name file http://10.40.0.32/300000')
  await machine.shows(/\/300000\.\.\.[\s\S]* ok/)
  await machine.type('imgstat')
  await machine.shows(/file : 300000 bytes/)
  const ps = ioth(['ps', '-f', path])
  await ps.ended
  expect(ps.stdout).toMatch(/QEMU|qemu/i)
})
