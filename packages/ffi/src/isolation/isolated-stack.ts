/**
 * Stacks of a library that runs in a helper process unless told otherwise: their settings, and the choice.
 *
 * @module
 */
import { type Capabilities, NetError, type Stack, type StackOptions } from '@ioth/core'
import { createShellStack, type Engine, type ShellOptions, type ShellStack } from '@ioth/core/shell'
import { builtFile } from './helper-process.ts'
import { createRemoteStack } from './remote-stack.ts'

/** Settings of such a stack, as `StackOptions.settings`. */
export interface IsolatedSettings {
  /** `process`: in a helper process, whose death the program survives. @default 'process' */
  readonly isolation?: 'process' | 'none'
  /** The library's file. @default the variable of the backend, else the loader's search */
  readonly library?: string
  /** @internal Whether a station stands beside each link; a helper's does so in the program. @default true */
  readonly station?: boolean
}

export interface IsolatedStackOptions {
  /** The backend's name. */
  readonly backend: string
  /** Of the backend in this process. */
  readonly capabilities: Capabilities
  /** `import.meta.url` of the backend: its built module is loaded in the helper. */
  readonly moduleUrl: string
  /** Variables of the helper's environment, beside those of the program. */
  readonly variables?: Readonly<Record<string, string>>
  readonly stack: StackOptions
  readonly station: NonNullable<ShellOptions['station']>
  /** Makes the engine in this process, with the library of the settings. */
  readonly engine: (shell: ShellStack, library: string | undefined) => Engine
}

/** @throws NetError EINVAL for a wrong setting; else as `Backend.createStack`. */
export async function createIsolatedStack(options: IsolatedStackOptions): Promise<Stack> {
  const { backend, capabilities, moduleUrl, variables, stack, station, engine } = options
  const { isolation, library, station: hasStation } = readSettings(backend, stack.settings)
  if (isolation === 'process') {
    return await createRemoteStack({
      backend,
      capabilities,
      module: builtFile(moduleUrl),
      ...(variables === undefined ? {} : { variables }),
      settings: { isolation: 'none', station: false, ...(library === undefined ? {} : { library }) },
      stack,
      station,
    })
  }
  return await createShellStack({
    backend,
    capabilities,
    stack,
    ...(hasStation === true ? { station } : {}),
    engine: (shell) => engine(shell, library),
  })
}

/** @throws NetError EINVAL for an unknown name or a wrong value. */
function readSettings(backend: string, given: Readonly<Record<string, unknown>> = {}): IsolatedSettings {
  const { isolation = 'process', library, station = true, ...rest } = given
  const refuse = (message: string): NetError =>
    new NetError('EINVAL', 'settings', { message: `${backend}: ${message}` })
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw refuse(`there is no setting "${unknown}", but isolation, library`)
  if (isolation !== 'process' && isolation !== 'none') {
    throw refuse(`isolation is "process" or "none", not ${JSON.stringify(isolation)}`)
  }
  if (library !== undefined && typeof library !== 'string') throw refuse('library is the path of a file')
  return { isolation, station: station !== false, ...(library === undefined ? {} : { library }) }
}
