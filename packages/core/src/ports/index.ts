export { formatListening } from './format-listening.ts'
export { createPortTable, type PortTableOptions } from './port-table.ts'
export { SipHash } from './siphash.ts'
