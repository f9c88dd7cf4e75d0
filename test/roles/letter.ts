/** The octets of a letter, and its signature: made here by node:crypto, so that no signer of ours is asked about itself. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { Letter } from './dialogue.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')

/** As a record has it: base64 of the 32 octets of the public key, RFC 8463 §4. */
export const PUBLIC_KEY = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')

/** The message with CRLF and without the dot. No line of it begins with a dot. */
export function octetsOf({ subject, author, signature }: Letter): string {
  const body = 'Hello\r\n'
  const from = `joe@${author}`
  const field = signature === undefined ? '' : `${signatureOf({ from, subject, body })}\r\n`
  const said = signature === 'broken' ? 'Hello, changed on the way\r\n' : body
  return `${field}From: ${from}\r\nTo: all@example.test\r\nSubject: ${subject}\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@${author}>\r\n\r\n${said}`
}

/** Relaxed over relaxed, RFC 6376 §3.4: fields and body above are in their canonical form but for the names' case. */
function signatureOf({ from, subject, body }: { from: string; subject: string; body: string }): string {
  const bodyHash = createHash('sha256').update(body).digest('base64')
  const value = `v=1; a=ed25519-sha256; c=relaxed/relaxed; d=signed.test; s=sel; h=from:subject; bh=${bodyHash}; b=`
  const signed = `from:${from}\r\nsubject:${subject}\r\ndkim-signature:${value}`
  const octets = sign(null, createHash('sha256').update(signed).digest(), privateKey).toString('base64')
  return `DKIM-Signature: ${value}${octets}`
}
