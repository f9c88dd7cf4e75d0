/**
 * What plugins share that judge logins.
 *
 *   guard.ts     who failed too often is not even heard, by network and by name; nobody else locks a user out
 *   hash/        password hashes on threads of their own, bounded in number and memory
 *   password.ts  hashes and SCRAM keys that are made here
 *   scheme.ts    hashes that other programs keep: Dovecot, mailcow, LDAP
 *   own-addresses.ts  which reverse-paths a user may use
 *   zod.ts       the options that all such plugins share; its own entry, `@postroad/login/zod`
 *
 * Where to begin: guard.ts, then scheme.ts.
 */
export { Guard } from './guard.ts'
export { HashesBusy, HashPool, hashLimitsOf } from './hash/pool.ts'
export { type Argon2Cost, type Hasher, hasArgon2, type ScryptCost } from './hash/work.ts'
export { ownAddresses } from './own-addresses.ts'
export {
  checkPassword,
  formatScram,
  hashPassword,
  isPasswordHash,
  makeHash,
  parseScram,
  scramKeys,
  verifyPassword,
} from './password.ts'
export { checkStored } from './scheme.ts'
