/** What the targets of the scenario `scan` ask: one rspamd, one clamd, one zone; they hear of them by their environment. */
import { generateKeyPairSync } from 'node:crypto'
import { requires } from '../runner/requires.ts'
import { makeData } from './load.ts'

const DOMAIN = 'client.example'
const SELECTOR = 'bench'
const OCTETS = 4_096

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
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await using started = new AsyncDisposableStack()
  const zone = started.use(
    await serveZone({
      [DOMAIN]: 'v=spf1 ip4:127.0.0.1 -all',
      [`${SELECTOR}._domainkey.${DOMAIN}`]: `v=DKIM1; k=rsa; p=${publicKey.toString('base64')}`,
    }),
  )
  const rspamd = started.use(await startRspamd())
  // Everybody sends the same message: nobody may have the answer from a cache.
  const clamd = started.use(await startClamd({ DisableCache: 'yes' }))
  signed = await sign(privateKey)
  Object.assign(process.env, {
    SCAN_DNS: `${zone.address}:${zone.port}`,
    SCAN_RSPAMD: String(rspamd.port),
    SCAN_CLAMD: String(clamd.port),
  })
  return started.move()
}

/** A message with a signature on top, as DATA has it. */
async function sign(privateKey: string): Promise<Buffer> {
  const { createTransport } = await import('nodemailer')
  const plain = makeData(OCTETS)
    .toString('latin1')
    .replace(/\r\n\.\r\n$/, '\r\n')
    .replace(/^\./gm, '')
  const transport = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    dkim: { domainName: DOMAIN, keySelector: SELECTOR, privateKey },
  })
  const envelope = { from: `sender@${DOMAIN}`, to: 'alice@postroad.test' }
  const { message } = await transport.sendMail({ envelope, raw: plain })
  const text = message.toString('latin1')
  return Buffer.from(`${text.replace(/^\./gm, '..')}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1')
}
