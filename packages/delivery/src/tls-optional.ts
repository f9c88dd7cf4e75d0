/** `TLS-Required: No`: a sender to whom it matters more that a message arrives than how, RFC 8689 §3. */
import type { MessageSource } from '@postroad/mail'

const known = new WeakMap<MessageSource, Promise<boolean>>()

/**
 * Whether the message says so: one field of that name, and its value is `No`. Read once a message, and only where it matters. A message that
 * cannot be read says nothing.
 */
export function saysTlsOptional(message: MessageSource): Promise<boolean> {
  let says = known.get(message)
  if (says === undefined) known.set(message, (says = read(message).catch(() => false)))
  return says
}

/** Octets of a header section that are looked at. */
const MAX_HEADER = 262_144

async function read(message: MessageSource): Promise<boolean> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of message.chunks?.() ?? message.raw()) {
    parts.push(chunk)
    length += chunk.length
    // The end of the section may lie across two chunks: what is beyond it does no harm, it is cut off below.
    if (length >= MAX_HEADER || Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).includes(END)) break
  }
  const octets = Buffer.concat(parts).subarray(0, MAX_HEADER)
  // A message may have no header section at all, RFC 5322 §3.5.
  const end = octets.indexOf('\r\n') === 0 ? 0 : octets.indexOf(END)
  const section = (end < 0 ? octets : octets.subarray(0, end)).toString('latin1')
  const values = fieldsOf(section)
  return values.length === 1 && values[0]?.toLowerCase() === 'no'
}

const END = '\r\n\r\n'
const NAME = /^tls-required[ \t]*:/i

/** The values of the fields, unfolded. */
function fieldsOf(section: string): string[] {
  const values: string[] = []
  let isOurs = false
  for (const line of section.split('\r\n')) {
    const isFolded = line.startsWith(' ') || line.startsWith('\t')
    if (!isFolded) isOurs = NAME.test(line)
    if (!isOurs) continue
    if (isFolded) values.push(`${values.pop() ?? ''}${line}`)
    else values.push(line.slice(line.indexOf(':') + 1))
  }
  return values.map((value) => value.trim())
}
