/** Limits under which one address may play two hundred. */
import type { Limits } from '../../packages/smtp/src/config/limits.ts'

export const LIMITS: Partial<Limits> = {
  connectionsPerAddress: 20_000,
  connectionsPerNetwork: 20_000,
  connections: 20_000,
  transactions: 10_000_000,
  size: 64 * 1024 * 1024,
}
