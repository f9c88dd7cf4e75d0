/** What we use of yauzl 3.4, which has no types. */
declare module 'yauzl' {
  import type { EventEmitter } from 'node:events'
  import type { Readable } from 'node:stream'

  export interface Entry {
    readonly fileName: string
    readonly uncompressedSize: number
  }

  export interface ZipFile extends EventEmitter {
    readEntry(): void
    openReadStream(
      entry: Entry,
      done: (error: Error | null, stream?: Readable) => void,
    ): void
  }

  export function fromBuffer(
    file: Buffer,
    options: { readonly lazyEntries: boolean; readonly validateEntrySize: boolean },
    done: (error: Error | null, zip?: ZipFile) => void,
  ): void
}
