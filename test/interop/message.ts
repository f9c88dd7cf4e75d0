/** Messages that a careless relay would damage. */
import { createHash } from 'node:crypto'

/** Header names that servers on the way put on top, RFC 5321 §4.4 and RFC 8601. */
const TRACE = new Set(['return-path', 'delivered-to', 'received', 'authentication-results', 'received-spf'])

/** A small message with everything that is easily damaged: dots, empty lines, folding, 8-bit text, odd spacing, a long line. */
export function trickyMessage(subject: string): Buffer {
  const lines = [
    'From: Sender <sender@client.example>',
    'To: alice@example.test',
    `Subject: ${subject}`,
    'Date: Sun, 22 Nov 2026 02:00:00 +0000',
    `Message-ID: <${createHash('sha256').update(subject).digest('hex').slice(0, 16)}@client.example>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    'X-Folded: one',
    '\ttwo',
    '   three  ',
    'x-oDd-CaSe:no space after the colon',
    '',
    '.',
    '..',
    '.leading dot',
    'trailing blanks   ',
    '',
    '',
    'Grüße, ñandú, 日本語',
    'x'.repeat(990),
    'From the start of a line',
    '',
    'end.',
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n`)
}

/** A message with a base64 attachment of this many octets before encoding. */
export function largeMessage(subject: string, octets: number): Buffer {
  const content = Buffer.alloc(octets)
  for (let i = 0; i < octets; i += 32) createHash('sha256').update(`${i}`).digest().copy(content, i)
  const head = [
    'From: Sender <sender@client.example>',
    'To: alice@example.test',
    `Subject: ${subject}`,
    'Date: Sun, 22 Nov 2026 02:00:00 +0000',
    'Message-ID: <large@client.example>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="b1"',
    '',
    '--b1',
    'Content-Type: text/plain',
    '',
    'See what is attached.',
    '--b1',
    'Content-Type: application/octet-stream; name="data.bin"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="data.bin"',
    '',
  ]
  const body = content.toString('base64').replace(/.{76}/g, '$&\r\n')
  return Buffer.from(`${head.join('\r\n')}\r\n${body}\r\n--b1--\r\n`)
}

/**
 * Takes off what servers put on top.
 *
 * @throws {Error} when the message does not end with `original`, octet for octet, or something else than trace fields is on top
 */
export function traceOf(received: Buffer, original: Buffer): string {
  const at = received.length - original.length
  if (at < 0 || !received.subarray(at).equals(original))
    throw new Error(`not the same octets: ${describeDifference(received, original)}`)
  const trace = received.toString('latin1', 0, at)
  for (const line of trace.split('\r\n')) {
    const name = /^([!-9;-~]+):/.exec(line)?.[1]
    if (name !== undefined && !TRACE.has(name.toLowerCase())) throw new Error(`an unexpected field on top: ${line}`)
  }
  return trace
}

function describeDifference(received: Buffer, original: Buffer): string {
  const start = Math.max(0, received.indexOf(original.subarray(0, 20)))
  let at = 0
  while (at < original.length && received[start + at] === original[at]) at++
  const show = (bytes: Buffer, from: number) =>
    JSON.stringify(bytes.toString('latin1', Math.max(0, from - 20), from + 40))
  return `at octet ${at} of ${original.length}, got ${show(received, start + at)} for ${show(original, at)}`
}
