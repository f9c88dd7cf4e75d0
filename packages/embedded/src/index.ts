/** Everything that opens or writes an LMDB file. */
export { EmbeddedError, type EmbeddedErrorCode } from './lmdb/error.ts'
export { LmdbFile, type LmdbOptions, openLmdb, type Table, type TypedTable, type WriteOptions } from './lmdb/file.ts'
