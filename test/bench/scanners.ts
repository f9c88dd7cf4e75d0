/** What the targets of the scenario `scan` ask: one rspamd, one clamd, one zone; they hear of them by their environment. */
import { requires } from '../runner/requires.ts'
import { signMessage } from './signed.ts'

let signed: Buffer | undefined

/** The message of the scenario, with its signature: known when the daemons have started. */
export function signedData(): Buffer | undefined {
  return signed
}

/** Starts them. @throws {Error} when a package is missing and cannot be installed */
export async function startScanners(): Promise<AsyncDisposable> {
  const missing = requires('rspamd', 'clamav-daemon')
  if (missing) throw new Error(missing)
  // Loaded here: no other scenario needs them.
  const { serveZone } = await import('../identity/dns-server.ts')
  const { startClamd } = await import('../interop/clamd.ts')
  const { startRspamd } = await import('../interop/rspamd-daemon.ts')
  const message = await signMessage()
  await using started = new AsyncDisposableStack()
  const zone = started.use(await serveZone(message.zone))
  const rspamd = started.use(await startRspamd())
  // Everybody sends the same message: nobody may have the answer from a cache.
  const clamd = started.use(await startClamd({ DisableCache: 'yes' }))
  signed = message.data
  Object.assign(process.env, {
    SCAN_DNS: `${zone.address}:${zone.port}`,
    SCAN_RSPAMD: String(rspamd.port),
    SCAN_CLAMD: String(clamd.port),
  })
  return started.move()
}
