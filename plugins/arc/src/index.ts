/** ARC for Postroad. */
export { arc } from './arc.ts'
export { arcOptions } from './options.ts'
export { readSealKey, type SealKey, type SealOptions, sealMessage } from './seal.ts'
export { ArcVerification } from './verification.ts'
