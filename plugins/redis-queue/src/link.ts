/** The configured Redis of the plugin `redis`, as this one sees it: the two meet in the service's name and know no code of each other. */
import { createHash } from 'node:crypto'
import { defineService, type Service } from '@postroad/plugin'
import type { Cluster, Redis } from 'ioredis'

/** What goes with a command. */
export type Argument = string | number | Buffer

/** A Lua script; all its keys are in one hash slot. */
export interface Script {
  readonly lua: string
  /** SHA-1, as `EVALSHA` names it. */
  readonly sha: string
}

/** A configured Redis. */
export interface RedisLink {
  /** Begins every key; without braces. */
  readonly prefix: string
  readonly isCluster: boolean
  /** Milliseconds after which an unanswered command has failed. */
  readonly deadline: number
  /** Rejects when the server is away, says no, or does not answer in time; then it is not known whether it was done. */
  send(command: string, args: readonly Argument[], options?: { readonly buffers?: boolean }): Promise<unknown>
  run(script: Script, keys: readonly string[], args: readonly Argument[], options?: { readonly buffers?: boolean }): Promise<unknown>
  /** A connection of one's own, to be closed by who asked for it. */
  connect(kind: 'command' | 'blocking'): Redis | Cluster
}

export const RedisLink: Service<RedisLink> = defineService('redis')

/** Makes a script. */
export function script(lua: string): Script {
  return Object.freeze({ lua, sha: createHash('sha1').update(lua).digest('hex') })
}
