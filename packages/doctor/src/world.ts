/** The machine and the network as checks see them: one interface, so that each fault can be planted in a test. */
import type { Socket } from 'node:net'

/** Room of a file system. */
export interface DiskReading {
  readonly freeBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  /** 0: the file system has no fixed number. */
  readonly totalInodes: number
}

/** Whose a file is, and who may what. */
export interface FileReading {
  readonly uid: number
  readonly mode: number
  readonly isFolder: boolean
}

/** Readings are undefined where nobody can tell. */
export interface World {
  /** `24.21.0`. */
  readonly nodeVersion: string
  /** Of this process. */
  readonly uid: number | undefined
  /** Files that a process may have open, the soft limit. */
  openFiles(): Promise<number | undefined>
  disk(folder: string): Promise<DiskReading | undefined>
  /** Milliseconds until 4 KiB are on stable storage there, the median of some; leaves nothing behind. @throws {Error} when it cannot be written */
  fsyncMs(folder: string): Promise<number | undefined>
  /** @throws {Error} when it is not there */
  file(path: string): Promise<FileReading>
  read(path: string): Promise<string>
  /** Certificates of authorities that programs believe, PEM. */
  authorities(): readonly string[]
  /** Milliseconds that our clock is ahead of others'. */
  clockOffsetMs(signal: AbortSignal): Promise<number | undefined>
  /** Whether this host has an address of IPv6 that everybody could reach. */
  readonly hasIpv6: boolean
  /** A connection, without TLS. @throws {Error} when there is none within `timeoutMs` */
  connect(place: { readonly host: string; readonly port: number; readonly timeoutMs: number }): Promise<Socket>
}
