/** A Lua script: atomic on the server, sent by its digest once the server knows it. */
import { createHash } from 'node:crypto'

/** One script. All its keys must be in one hash slot, as Redis Cluster wants. */
export interface Script {
  readonly lua: string
  /** SHA-1, as `EVALSHA` names it. */
  readonly sha: string
}

/**
 * Makes a script.
 *
 * @example const touch = script(`return redis.call('PEXPIRE', KEYS[1], ARGV[1])`)
 */
export function script(lua: string): Script {
  return Object.freeze({ lua, sha: createHash('sha1').update(lua).digest('hex') })
}
