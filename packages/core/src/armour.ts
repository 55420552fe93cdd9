/**
 * `@ioth/core/armour`: what stands between a network and a stack in C.
 *
 * @module
 */
export { type ArmouredLink, type ArmourOptions, armour } from './armour/armour.ts'
export type { RateLimit } from './armour/rate-limit.ts'
export { ARMOUR_REASONS, type ArmourReason } from './armour/reasons.ts'
