/**
 * What a server keeps on its own disk, without another server: the durable queue, and the services `Store`, `Limiter`, `Lock` and `Spool`.
 *
 * `lmdb/` is the floor. `openLmdb` is the only way to an LMDB file: it looks at the file before it is mapped (a truncated or foreign one
 * is an error with its path, never a SIGBUS), and gives each process one environment a file. Whoever writes hands a closure to
 * `LmdbFile.write`, which shares a transaction and a sync with all that waits. No other folder imports lmdb.
 *
 * `queue/` is the `QueueStore` of `@postroad/queue-engine` in such a file: `LmdbStore` over `QueueDatabase`, which has the tables and their format.
 * A message is one record, written once; each delivery stands in exactly one index (scheduled, waiting, claimed, held), and `status-index.ts`
 * moves it. `roll.ts` knows which processes share the queue and which are gone, `lease-holder.ts` takes their leases over. Large content is in
 * files, `ContentFiles` of `@postroad/queue-engine`.
 *
 * `service/` is keys and values that expire by the time of their folder, which nobody sets back (`Table`); store, limiter and lock are a
 * table each. The spool is files, because any mail tool should read them. `embeddedServices` gives all of them, and the machine's clock,
 * to who starts a server.
 *
 * Begin to read at `lmdb/file.ts`, then `queue/database.ts` and `queue/lmdb-store.ts`, or `service/table.ts`.
 */
export { type LmdbStore, openLmdbStore } from './queue/lmdb-store.ts'
export { type EmbeddedServices, embeddedServices } from './service/services.ts'
