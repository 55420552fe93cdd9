export { type CallListener, recordCalls, type SocketCall } from './record-calls.ts'
