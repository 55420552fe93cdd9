export { createPipe, type PipeOptions } from './pipe.ts'
