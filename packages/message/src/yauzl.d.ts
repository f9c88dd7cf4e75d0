/** What we use of yauzl 3.4, which has no types. */
declare module 'yauzl' {
  import type { Readable } from 'node:stream'

  export interface Entry {
    readonly fileNameRaw: Buffer
    readonly extraFields: readonly { readonly id: number; readonly data: Buffer }[]
    readonly generalPurposeBitFlag: number
    readonly compressionMethod: number
    readonly uncompressedSize: number
  }

  export interface ZipFile {
    eachEntry(): AsyncIterable<Entry>
    openReadStreamPromise(entry: Entry): Promise<Readable>
  }

  export function fromBufferPromise(
    file: Buffer,
    options: {
      readonly lazyEntries: boolean
      readonly decodeStrings: boolean
      readonly validateEntrySizes: boolean
    },
  ): Promise<ZipFile>

  export function getFileNameLowLevel(
    flags: number,
    raw: Buffer,
    extraFields: Entry['extraFields'],
    isStrict: boolean,
  ): string
}
