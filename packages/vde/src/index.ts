/**
 * `@ioth/vde`: networks outside a program. Locators, plugs, the switch, the default network, and captures to a file.
 *
 * @module
 */
export { appendWhole } from './capture/append-whole.ts'
export { type CaptureNetworkOptions, captureNetwork, type NetworkCapture } from './capture/capture-network.ts'
export { type CaptureToFileOptions, captureToFile } from './capture/capture-to-file.ts'
export { type ChooseAddressOptions, chooseAddress } from './default-network/choose-address.ts'
export { defaultNetworkDirectory } from './default-network/directory.ts'
export { giveAddress } from './default-network/give-address.ts'
export { type DefaultNetwork, type DefaultNetworkOptions, openDefaultNetwork } from './default-network/open.ts'
export {
  type HostSetupOptions,
  type HostSetupStatus,
  hostSetups,
  startHostSetup,
  stopHostSetup,
} from './host-setup/host-setup.ts'
export type { Engine, HostSetup } from './host-setup/record.ts'
export { type CreatedNode, type CreateNodeOptions, createNode, holdHub } from './node-hub/create-node.ts'
export type { PassedSocket, SocketPassing } from './node-hub/pass-sockets.ts'
export type { NodeDescription, NodePlan } from './node-hub/setup.ts'
export type { PlugCounters } from './plug/plug-counters.ts'
export type { StreamPlug } from './plug/stream-plug.ts'
export { type Proxy, type ProxyOptions, startProxy } from './proxy/proxy.ts'
export { formatPublishedPort, type Publication, type PublishOptions, publish } from './publish/publish.ts'
export { formatEndpoint, type PublishedPort, parsePublishedPort } from './publish/published-port.ts'
export type { AddressInfo, PortInfo } from './stream/control.ts'
export { askConsole, type ConsoleReply } from './switch/console-client.ts'
export { createSwitch, isTaken } from './switch/create-switch.ts'
export type { Switch, SwitchOptions } from './switch/switch.ts'
export type { WebSocketEntranceOptions } from './switch/ws-entrance.ts'
export { takeOverLink } from './take-over.ts'
export { probeLibVdeplug } from './vnl/libvdeplug-link.ts'
export { whyNoFfi } from './vnl/load-ffi.ts'
export { listPorts, type OpenVnlOptions, openVnl, switchDirectory, VNL_MODULES } from './vnl/open-vnl.ts'
export { parseVnl, type Vnl } from './vnl/parse-vnl.ts'
export { IMPAIRMENT_NAMES, parseImpairments, type WrittenImpairments } from './wire/impairment.ts'
export { openStandardStreams } from './wire/standard-streams.ts'
export { Wire, type WireCounters, type WireDirection, type WireOptions } from './wire/wire.ts'
export { wireConsole } from './wire/wire-console.ts'
