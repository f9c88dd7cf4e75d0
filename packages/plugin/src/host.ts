/** The server that a plugin is part of, as its operators see it: for plugins that show it, or let it be operated. */
import type { HealthFinding } from './health.ts'
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
export interface Host extends HostOperator {
  /** Number of this configuration, from 1. */
  readonly generation: number
  /** Of all that the server keeps, absolute. */
  readonly folder: string
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
}

/** What only who has started the server can do for its operators; what nobody offers is absent. Commands of `postroad` do the same. */
export interface HostOperator {
  /**
   * Reads the configuration again, in all workers, and waits for each, but not for ever. Its mistakes are in what comes back, and where there are
   * any the old one stays.
   */
  readonly reload?:
    | (() => Promise<
        readonly {
          readonly worker: number
          readonly pid: number
          /** `silent`: it has not answered in time. */
          readonly state: 'reloaded' | 'failed' | 'silent'
          /** Why not, in lines; empty where it went well. */
          readonly mistakes: readonly string[]
        }[]
      >)
    | undefined
  /** What `postroad doctor` finds. Takes as long as others take to answer: a minute at most. Rejects when it cannot be begun. */
  readonly diagnose?:
    | ((
        signal: AbortSignal,
      ) => Promise<readonly (HealthFinding & { readonly check: string; readonly plugin?: string })[]>)
    | undefined
  /** What `postroad try` says of a message. Runs apart from the server, by the configuration as its file is now. Rejects when there is too much to do, or the file has mistakes. */
  readonly rehearse?:
    | ((
        octets: Uint8Array,
        envelope: {
          readonly from?: string | undefined
          readonly to?: readonly string[] | undefined
          readonly remote?: string | undefined
          readonly helo?: string | undefined
          /** Of a listener or a scope. */
          readonly listener?: string | undefined
          readonly signal: AbortSignal
        },
      ) => Promise<{
        /** As far as the client came. */
        readonly steps: readonly { readonly command: string; readonly reply: string }[]
        /** The canonical line of its transaction, or of the session when it came to none. */
        readonly record: Readonly<Record<string, unknown>>
      }>)
    | undefined
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
