export {
  copyEntry,
  createBatch,
  discardFrames,
  frameLength,
  intersectOffload,
  isAccepted,
  pushFrame,
  readFrame,
  releaseAll,
  releaseFrame,
  removeFirst,
  retainFrame,
} from './batch.ts'
export { FrameDeliverer } from './deliver.ts'
export { type FrameEmitter, finishFrames } from './finish-frames.ts'
export { FrameQueue } from './frame-queue.ts'
export * from './offsets.ts'
export { createFramePool, type FramePoolOptions } from './slab-pool.ts'
