/** Those who know which recipients exist: lists, an HTTP service, another mail server. */

import { ConnectError, Pool, Relay, type Target } from '@postroad/delivery'
import { type Directory, DirectoryError } from '@postroad/directory'
import { AddressTable, parseLines, watchFile } from '@postroad/options'
import type { Address, Reply } from '@postroad/plugin'
import type { RecipientsOptions } from './options.ts'

/** What a source knows of an address; `unavailable`: ask again later. */
export type SourceAnswer = 'exists' | 'unknown' | 'unavailable'

/** Somebody who can be asked. */
export interface Source {
  /** Its answers cost something: they are kept. */
  readonly isRemote: boolean
  ask(address: Address, signal: AbortSignal): SourceAnswer | Promise<SourceAnswer>
  close?(): void | Promise<void>
}

/** Settings of {@link openSources}. */
export interface SourceSettings {
  readonly options: RecipientsOptions
  readonly hostname: string
  readonly directory: Directory | undefined
  /** Makes a path of the configuration absolute. */
  resolve(file: string): string
  onError(what: string, error: unknown): void
}

/** @throws {Error} when a file cannot be read, or a pattern is not one */
export async function openSources({
  options,
  hostname,
  directory,
  onError,
  resolve,
}: SourceSettings): Promise<readonly Source[]> {
  const { users, files, http, callout, separator } = options
  const sources: Source[] = []
  if (users) {
    const table = new AddressTable(
      users.map((pattern) => [pattern, true]),
      separator,
    )
    sources.push(tableSource(() => table))
  }
  for (const path of files) {
    const parse = (text: string) => {
      const table = new AddressTable<boolean>([], separator)
      parseLines(text, ([pattern]) => table.add(pattern, true))
      return table
    }
    const file = await watchFile({ path: resolve(path), parse, onError: (error) => onError(path, error) })
    sources.push({ ...tableSource(() => file.value), close: file.close })
  }
  if (directory) sources.push(directorySource(directory, separator, onError))
  if (http) sources.push(httpSource(http, onError))
  if (callout) sources.push(calloutSource(callout, { hostname, timeout: options.timeout, onError }))
  return sources
}

function tableSource(table: () => AddressTable<boolean>): Source {
  return { isRemote: false, ask: (address) => (table().find(address) ? 'exists' : 'unknown') }
}

/** It keeps answers itself. With `onError: pass` those whom nobody can be asked about are let in. */
function directorySource(directory: Directory, separator: string, onError: SourceSettings['onError']): Source {
  return {
    isRemote: false,
    async ask({ local, domain }) {
      const folded = local.normalize('NFC').toLowerCase()
      const cut = separator === '' ? -1 : folded.indexOf(separator, 1)
      try {
        if (await directory.find(`${folded}@${domain}`)) return 'exists'
        return cut > 0 && (await directory.find(`${folded.slice(0, cut)}@${domain}`)) ? 'exists' : 'unknown'
      } catch (error) {
        if (!(error instanceof DirectoryError)) throw error
        onError(directory.name, error)
        return directory.passes ? 'exists' : 'unavailable'
      }
    },
    close: () => directory.close(),
  }
}

function httpSource(
  { url, headers }: NonNullable<RecipientsOptions['http']>,
  onError: SourceSettings['onError'],
): Source {
  return {
    isRemote: true,
    async ask(address, signal) {
      const parts: Readonly<Record<string, string>> = {
        address: address.toString(),
        local: address.local,
        domain: address.domain,
      }
      const target = url.replaceAll(/\{(address|local|domain)\}/g, (_, part: string) =>
        encodeURIComponent(parts[part] ?? ''),
      )
      try {
        const response = await fetch(target, { headers, signal, redirect: 'error' })
        await response.body?.cancel()
        if (response.ok) return 'exists'
        if (response.status === 404 || response.status === 410) return 'unknown'
        throw new Error(`HTTP status ${response.status}`)
      } catch (error) {
        onError(new URL(target).host, error)
        return 'unavailable'
      }
    },
  }
}

interface CalloutSettings {
  readonly hostname: string
  readonly timeout: number
  onError(what: string, error: unknown): void
}

/** Asks as if there were a message; the null reverse-path, so that nobody is told of it (RFC 5321 §4.5.5). */
function calloutSource(
  options: NonNullable<RecipientsOptions['callout']>,
  { hostname, timeout, onError }: CalloutSettings,
): Source {
  const { protocol, host, port = protocol === 'lmtp' ? 24 : 25, path, tls } = options
  const target: Target = { protocol, host, port, ...(path !== undefined && { path }), tls: { mode: tls } }
  const pool = new Pool({
    hostname,
    maxConnections: 10,
    waitMs: timeout,
    timeouts: { connect: timeout, greeting: timeout, command: timeout, mail: timeout, rcpt: timeout },
  })
  return {
    isRemote: true,
    async ask(address, signal) {
      const relay = new Relay(pool, target, { from: undefined, parameters: {} })
      try {
        const reply = await relay.rcpt({ address, parameters: {} }, () => signal)
        return judge(reply)
      } catch (error) {
        if (!(error instanceof ConnectError) && !signal.aborted) throw error
        onError(host, error)
        return 'unavailable'
      } finally {
        relay.release()
      }
    },
    close: () => pool.close(),
  }
}

/** RFC 3463 §3.2: 5.1.z is about the address. A mailbox that is full exists; other refusals are about us. */
function judge({ code, status }: Pick<Reply, 'code' | 'status'>): SourceAnswer {
  if (code < 300) return 'exists'
  if (code < 500) return 'unavailable'
  if (status === undefined) return code === 550 || code === 551 || code === 553 ? 'unknown' : 'unavailable'
  if (status.startsWith('5.2.')) return status === '5.2.1' ? 'unknown' : 'exists'
  return status.startsWith('5.1.') ? 'unknown' : 'unavailable'
}
