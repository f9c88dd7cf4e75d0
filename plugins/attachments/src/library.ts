/** libarchive in WebAssembly, one at a time and with bounded memory: what a hostile file wants beyond it, the library does not get. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** What we use of libarchive-wasm. */
export interface Library {
  readonly module: { readonly HEAP8: Int8Array; _malloc(octets: number): number; _free(pointer: number): void }
  read_new(): number
  read_support_filter_all(archive: number): void
  read_support_format_all(archive: number): void
  read_open_memory(archive: number, pointer: number, length: number): void
  read_next_entry(archive: number): number
  read_data(archive: number, pointer: number, length: number): number
  /** Above 0: it has. */
  read_has_encrypted_entries(archive: number): number
  read_free(archive: number): void
  entry_pathname(entry: number): string | null
  entry_filetype(entry: number): number
  entry_is_encrypted(entry: number): number
}

interface Instance {
  readonly exports: Readonly<Record<string, unknown>>
}

interface Memory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/** How emscripten lets us make the instance. */
interface Settings {
  instantiateWasm(imports: object, receive: (instance: Instance) => void): object
}

/** What we use of WebAssembly. */
interface Wasm {
  readonly Module: new (octets: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => Instance
  readonly Memory: new (size: { readonly initial: number }) => Memory
}

const wasm = Reflect.get(globalThis, 'WebAssembly') as Wasm // as: the types of Node have little of it

const require = createRequire(import.meta.url)
const { libarchiveWasm } = require('libarchive-wasm') as { libarchiveWasm(settings: Settings): Promise<Library> } // as: its declarations leave the settings out

/** Octets of memory, of which a file may have what the library does not need for itself. */
const MEMORY = 38 * 1_048_576
/** With more than this it is not kept for the next message. */
const KEPT = 20 * 1_048_576
const PAGE = 65_536

let compiled: object | undefined
let instance: Library | undefined
let isBroken = false

/**
 * The library, which has only one archive open at a time.
 *
 * @throws {Error} when it has failed before, in a way after which nothing is known of its memory
 */
export async function library(): Promise<Library> {
  if (isBroken) throw new Error('libarchive has failed')
  compiled ??= new wasm.Module(readFileSync(require.resolve('libarchive-wasm/dist/libarchive.wasm')))
  const code = compiled
  instance ??= await libarchiveWasm({
    instantiateWasm(imports, receive) {
      const made = new wasm.Instance(code, imports)
      for (const exported of Object.values(made.exports)) if (exported instanceof wasm.Memory) bound(exported)
      receive(made)
      return made.exports
    },
  })
  return instance
}

/** Its memory is lost for this thread: another one would come on top of it. */
export function breakLibrary(): void {
  isBroken = true
  instance = undefined
}

/** It has become too large to be kept, or is broken: whoever has a thread for it ends that. */
export function isSpent(): boolean {
  return isBroken || (instance !== undefined && instance.module.HEAP8.length > KEPT)
}

/** The library asks its memory to grow when it is full, and takes a refusal as the system's. */
function bound(memory: Memory): void {
  const grow = memory.grow.bind(memory)
  Object.defineProperty(memory, 'grow', {
    value: (pages: number) => {
      if (memory.buffer.byteLength + pages * PAGE > MEMORY) throw new RangeError('more memory than a file may have')
      return grow(pages)
    },
  })
}
