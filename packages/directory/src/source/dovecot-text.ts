/** How Dovecot writes fields of its protocols: parted by tabs, with what would be a tab or an end of line escaped. */

const ESCAPES: Readonly<Record<string, string>> = { '\x00': '0', '\x01': '1', '\t': 't', '\r': 'r', '\n': 'n' }
const PLAIN: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ESCAPES).map(([octet, letter]) => [letter, octet]),
)

/** A field, on its way to Dovecot. */
export function escapeField(text: string): string {
  return text.replaceAll(/[\x00\x01\t\r\n]/g, (octet) => `\x01${ESCAPES[octet]}`)
}

/** A field, as Dovecot meant it. */
export function unescapeField(text: string): string {
  return text.replaceAll(/\x01(.)/gs, (all, letter: string) => PLAIN[letter] ?? all)
}
