/**
 * `ioth`: the Internet of Threads for Node.js. Stacks with addresses of their own, and Node's network modules on top of them.
 *
 * @module
 */
export {
  type Backend,
  type Connection,
  type ConnectionListener,
  connect,
  type DatagramSocket,
  DeviceInfo,
  formatIothconf,
  type Impairments,
  type Interface,
  IpAddress,
  impair,
  type Link,
  listen,
  NetError,
  openDatagram,
  parseIothconf,
  parseIpAddress,
  poll,
  type Stack,
  type StackConfig,
} from '@ioth/core'
export type { FoundBackend, SearchOptions, StackOverrides } from '@ioth/core/registry'
export { type BoundModules, bindNode, type NodeStack, runInStack, setProcessStack } from '@ioth/node'
export {
  captureToFile,
  createSwitch,
  listPorts,
  openVnl,
  type PortInfo,
  type Switch,
  type SwitchOptions,
} from '@ioth/vde'
export { createStack, findBackends, loadBackend } from './stacks.ts'
