import { defineService, type Service } from '@postroad/plugin'
import type { Cluster, Redis } from 'ioredis'
import type { Script } from './script.ts'

/** A connection of ioredis. */
export type RedisClient = Redis | Cluster

/** `command`: fails rather than waits. `blocking`: for BullMQ, whose workers wait in a command for their next job. */
export type ClientKind = 'command' | 'blocking'

/** What goes with a command. */
export type Argument = string | number | Buffer

/** How a command is sent. */
export interface SendOptions {
  readonly signal?: AbortSignal | undefined
  /** Bulk replies as `Buffer`. Default: as text. */
  readonly buffers?: boolean
}

/** A configured Redis. */
export interface RedisLink {
  /** Begins every key; without braces. */
  readonly prefix: string
  readonly isCluster: boolean
  /** Milliseconds after which an unanswered command has failed. */
  readonly deadline: number
  /** Rejects when the server is away, says no, or does not answer in time; then it is not known whether it was done. */
  send(command: string, args: readonly Argument[], options?: SendOptions): Promise<unknown>
  /** Runs a script; all keys in one hash slot. Rejects as {@link RedisLink.send}. */
  run(script: Script, keys: readonly string[], args: readonly Argument[], options?: SendOptions): Promise<unknown>
  /** Keys that match a glob pattern, of all nodes, in pages, in no order, some perhaps twice. */
  scan(pattern: string, signal?: AbortSignal): AsyncIterable<readonly string[]>
  /** A connection of one's own, to be closed by who asked for it; it connects on first use. */
  connect(kind: ClientKind): RedisClient
}

export const RedisLink: Service<RedisLink> = defineService('redis')
