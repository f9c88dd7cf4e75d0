/** A message with a signature, and the zone in which its key and the policies of its sender are: for scenarios whose targets check both. */
import { generateKeyPairSync } from 'node:crypto'
import { makeData } from './load.ts'

/** The domain that sends. */
export const DOMAIN = 'client.example'
/** The selector of its key. */
export const SELECTOR = 'bench'
const OCTETS = 4_096

/** A message, and what DNS says of its sender. */
export interface SignedMessage {
  /** As DATA has it. */
  readonly data: Buffer
  /** TXT records by name: the key, SPF, DMARC. */
  readonly zone: Readonly<Record<string, string>>
}

/** Makes a key and signs with it. */
export async function signMessage(): Promise<SignedMessage> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const zone = {
    [DOMAIN]: 'v=spf1 ip4:127.0.0.1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all',
    [`_dmarc.${DOMAIN}`]: 'v=DMARC1; p=reject',
    [`${SELECTOR}._domainkey.${DOMAIN}`]: `v=DKIM1; k=rsa; p=${publicKey.toString('base64')}`,
  }
  return { data: await sign(privateKey), zone }
}

async function sign(privateKey: string): Promise<Buffer> {
  // Loaded here: no other scenario needs it.
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
