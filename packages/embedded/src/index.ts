/**
 * What a server keeps on its own disk, without another server: the services `Store`, `Limiter`, `Lock` and `Spool`.
 *
 * `lmdb/` is the floor. `openLmdb` is the only way to an LMDB file: it looks at the file before it is mapped (a truncated or foreign one
 * is an error with its path, never a SIGBUS), and gives each process one environment a file. Whoever writes hands a closure to
 * `LmdbFile.write`, which shares a transaction and a sync with all that waits. No other folder imports lmdb.
 *
 * `service/` stands on it. `Table` is keys and values that expire by the time of their folder, which nobody sets back; store, limiter and
 * lock are a table each. The spool is files, because any mail tool should read them. `embeddedServices` gives all of them, and the
 * machine's clock, to who starts a server.
 *
 * Begin to read at `lmdb/file.ts`, then `service/table.ts`.
 */
export { EmbeddedError, type EmbeddedErrorCode } from './lmdb/error.ts'
export { LmdbFile, type LmdbOptions, openLmdb, type Table, type TypedTable, type WriteOptions } from './lmdb/file.ts'
export { type EmbeddedServices, embeddedServices } from './service/services.ts'
