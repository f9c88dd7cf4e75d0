/** What the targets of the scenarios `milter…` and `policy-service` ask: one zone, on an address of loopback that libc's resolver can be told. */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signMessage } from './signed.ts'

/** Nobody else's; a resolver of libc asks port 53 only. */
const ADDRESS = '127.0.53.25'

let signed: Buffer | undefined

/** The message, with its signature: known when the zone is served. */
export function filteredData(): Buffer | undefined {
  return signed
}

/** Address of the resolver, and its port. */
export function filterDns(): { readonly address: string; readonly at: string } {
  const at = process.env['FILTER_DNS'] ?? ''
  return { address: at.slice(0, at.lastIndexOf(':')), at }
}

/** The records of the zone, by name. */
export function filterRecords(): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(process.env['FILTER_RECORDS'] ?? '', 'utf8'))
}

/** Serves the zone; targets hear of it by their environment. */
export async function startZone(): Promise<AsyncDisposable> {
  const { serveZone } = await import('../identity/dns-server.ts')
  const message = await signMessage()
  await using started = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'pr-zone-'))
  started.defer(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'records.json')
  writeFileSync(file, JSON.stringify(message.zone))
  // The peers that need port 53 need root for other reasons, too.
  const port = process.getuid?.() === 0 ? 53 : 0
  const zone = started.use(await serveZone(message.zone, { address: ADDRESS, port }))
  signed = message.data
  Object.assign(process.env, { FILTER_DNS: `${zone.address}:${zone.port}`, FILTER_RECORDS: file })
  return started.move()
}
