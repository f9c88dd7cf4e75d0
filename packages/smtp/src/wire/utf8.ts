/** Lines of a client are read one character an octet; this is where they become text, RFC 6531 §3.2. */
import { isUtf8 } from 'node:buffer'

/** The text as UTF-8, the very same when it is ASCII; undefined when it is neither. */
export function decodeUtf8(line: string): string | undefined {
  if (!/[\x80-\xff]/.test(line)) return line
  const octets = Buffer.from(line, 'latin1')
  return isUtf8(octets) ? octets.toString('utf8') : undefined
}
