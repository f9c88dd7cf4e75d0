/** Results of plugins, as the library keeps them. */
import ResultStore from 'haraka-results'

/** Milliseconds after which a change of `results.ini` is seen. */
const FRESH = 1_000

let readAt = Number.NEGATIVE_INFINITY

/** The library reads `results.ini` for each store, two for a message; here that is done once a second. */
export function makeResults(connection: object): ResultStore {
  const now = performance.now()
  if (now - readAt >= FRESH) {
    readAt = now
    return new ResultStore(connection)
  }
  const store: ResultStore = Object.create(ResultStore.prototype)
  return Object.assign(store, { conn: connection, store: Object.create(null) })
}
