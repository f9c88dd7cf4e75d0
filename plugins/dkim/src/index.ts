/** DKIM for Postroad: `dkim()` verifies, `dkim.sign()` signs. */
import { verifyDkim } from './dkim.ts'
import { signDkim } from './sign/sign.ts'

/** Verifies signatures; `dkim.sign` makes them. */
export const dkim = Object.assign(verifyDkim, { sign: signDkim })
export { keyRecord } from './command.ts'
export { KeyStore } from './key-store.ts'
export { dkimOptions } from './options.ts'
export { KeyRing, readSigningKey, type SigningKey } from './sign/key-ring.ts'
export { signOptions } from './sign/options.ts'
export { signDkim, signMessage } from './sign/sign.ts'
export { makeSignature } from './sign/signature.ts'
export { overall, Verification } from './verification.ts'
