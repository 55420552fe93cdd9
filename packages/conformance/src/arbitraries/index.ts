export { hostileFrame, type Parties } from './hostile-frame.ts'
export { impairment, schedule } from './schedule.ts'
export { pieceSize, pieceSizes, streamLength, streamPlan, streamPlans } from './stream-plan.ts'
