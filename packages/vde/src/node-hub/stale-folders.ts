/**
 * Folders of hubs that were killed and could not remove them. A hub that is up looks for them once.
 *
 * @module
 */
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { hasCode } from '@ioth/core'
import { DESK_SOCKET, FOLDER_PREFIX, REPORT_FILE } from './desk-protocol.ts'
import type { HubReport } from './setup.ts'

/** A hub that takes longer to say who it is has failed, in milliseconds. */
const OLD_MS = 600_000

/** Removes what no hub uses any more, of this user only. */
export async function removeStaleFolders(parent: string): Promise<void> {
  const uid = process.getuid?.()
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue
    const folder = join(parent, name)
    const found = lstatSync(folder, { throwIfNoEntry: false })
    if (found?.isDirectory() !== true || found.uid !== uid) continue
    if (!isOver(folder, found.mtimeMs) || (await isServed(folder))) continue
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // Another hub removes it, too.
    }
  }
}

/** Whether its process has ended; where it did not say which that is, whether it should have. */
function isOver(folder: string, changedAt: number): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(join(folder, REPORT_FILE), 'utf8')) as HubReport
    process.kill(pid, 0)
    return false
  } catch (error) {
    return hasCode(error, 'ESRCH') || (hasCode(error, 'ENOENT') && Date.now() - changedAt > OLD_MS)
  }
}

/** Whether somebody listens: the process may be one of another container, which knows it by another number. */
function isServed(folder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(folder, DESK_SOCKET))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', (error) => resolve(!hasCode(error, 'ECONNREFUSED') && !hasCode(error, 'ENOENT')))
  })
}
