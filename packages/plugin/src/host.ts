/** The server that a plugin is part of, as its operators see it: for plugins that show it, or let it be operated. */
import { defineService, type Service } from './service.ts'

/** One value of the configuration in force. */
export interface HostSetting {
  /** `log.level`, `scopes.server.use.greylist.options.delay`. */
  readonly path: string
  /** Plain data; what is secret is not in it. */
  readonly value: unknown
  /** There is a value, and it is not shown. */
  readonly isSecret: boolean
  readonly origin: 'file' | 'default'
  /** File and line, where they are known. */
  readonly place: string | undefined
}

/** What a plugin lets programs ask and do, as `commands` are for people; who knows the kind finds it by `Host`. */
export interface Desk<T = unknown> {
  readonly kind: Service<T>
  readonly desk: T
}

/** A desk, and whose it is. */
export interface HostDesk<T> {
  readonly plugin: string
  readonly scope: string
  readonly desk: T
}

/** What the service {@link Host} gives: always this generation of this process. */
export interface Host {
  /** Number of this configuration, from 1. */
  readonly generation: number
  /** File that the configuration was read from, absolute. */
  readonly file: string | undefined
  /** Connections of this process, by listener. */
  connections(): ReadonlyMap<string, number>
  /** What `postroad explain --json` shows; there is nothing of it before the plugins have been set up. */
  explain(): readonly object[]
  /** What would go wrong later, in sentences; looks, and changes nothing. */
  inspect(): Promise<readonly string[]>
  settings(): Promise<readonly HostSetting[]>
  /** Of this kind, from all plugins of all scopes. */
  desks<T>(kind: Service<T>): readonly HostDesk<T>[]
  /**
   * Reads the configuration again, in all workers; absent where nobody can.
   * @throws {Error} with all mistakes of it, and the old one stays
   */
  readonly reload?: (() => Promise<void>) | undefined
}

export const Host: Service<Host> = defineService('host')

/** Numbers in the text format of Prometheus, of all workers; whoever counts offers them. */
export interface MetricsDesk {
  /** Of the media type `contentType`. */
  text(): Promise<string>
  readonly contentType: string
}

export const MetricsDesk: Service<MetricsDesk> = defineService('metrics-desk')

/** Offers a desk; `setup` returns it in `desks`. */
export function desk<T>(kind: Service<T>, own: T): Desk {
  return { kind, desk: own }
}
