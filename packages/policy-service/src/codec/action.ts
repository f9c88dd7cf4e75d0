/**
 * What a policy service answers: the right-hand side of a line of access(5), in a block of one attribute. An answer that Postfix does not know
 * is the name of a restriction class to it, and so a server misconfigured: only words that it knows are ever written here.
 */

/** An answer. Texts have no line ends; a status is the enhanced one, RFC 3463. */
export type PolicyAction =
  /** Nothing against it: the restrictions that follow decide. */
  | { readonly kind: 'dunno' }
  /** Ends the list of restrictions: an open relay where it stands before `reject_unauth_destination`. */
  | { readonly kind: 'ok' }
  /** Refused: `code` is 4yz or 5yz; after 421 and 521 Postfix closes the connection. */
  | { readonly kind: 'refuse'; readonly code: number; readonly status?: string; readonly text: string }
  /** Refused for now, unless something that follows refuses for good: `defer_if_permit`; the other way round: `defer_if_reject`. */
  | { readonly kind: 'defer-if-permit' | 'defer-if-reject'; readonly status?: string; readonly text: string }
  /** A field above the message, `Name: value`. Not at END-OF-MESSAGE. */
  | { readonly kind: 'prepend'; readonly field: string }
  /** The whole message, with all its recipients. */
  | { readonly kind: 'hold' | 'discard'; readonly text: string }
  | { readonly kind: 'warn' | 'info'; readonly text: string }
  | { readonly kind: 'filter' | 'redirect' | 'bcc'; readonly to: string }

/** What was answered, of whomever; `unknown` is what access(5) does not have, the name of a restriction class for one. */
export type PolicyAnswer = PolicyAction | { readonly kind: 'unknown'; readonly word: string }

const WORDS = {
  dunno: 'DUNNO',
  ok: 'OK',
  'defer-if-permit': 'DEFER_IF_PERMIT',
  'defer-if-reject': 'DEFER_IF_REJECT',
  prepend: 'PREPEND',
  hold: 'HOLD',
  discard: 'DISCARD',
  warn: 'WARN',
  info: 'INFO',
  filter: 'FILTER',
  redirect: 'REDIRECT',
  bcc: 'BCC',
} as const

/** Octets of a text: Postfix puts its own words before it, and a reply line has 512, RFC 5321 §4.5.3.1.5. */
const TEXT = 400
/** Octets of a field. */
const FIELD = 900
const STATUS = /^[245]\.\d{1,3}\.\d{1,3}$/

/** The answer as it goes over the wire. ASCII in one line, whatever the texts have; a status that is missing, or of another class than the code, is put right. */
export function formatAction(action: PolicyAction): string {
  return `action=${wordsOf(action)}\n\n`
}

function wordsOf(action: PolicyAction): string {
  switch (action.kind) {
    case 'dunno':
    case 'ok':
      return WORDS[action.kind]
    case 'refuse': {
      const { code, status, text } = action
      // What is no refusal is nothing we could mean by one.
      const known = Number.isInteger(code) && code >= 400 && code < 600 ? code : 450
      return `${known} ${statusFor(known < 500 ? '4' : '5', status)} ${oneLine(text, TEXT)}`
    }
    case 'defer-if-permit':
    case 'defer-if-reject':
      return `${WORDS[action.kind]} ${statusFor('4', action.status)} ${oneLine(action.text, TEXT)}`
    case 'prepend':
      return `${WORDS.prepend} ${oneLine(action.field, FIELD)}`
    case 'hold':
    case 'discard':
    case 'warn':
    case 'info':
      return `${WORDS[action.kind]} ${oneLine(action.text, TEXT)}`.trimEnd()
    default:
      return `${WORDS[action.kind]} ${oneLine(action.to, FIELD)}`
  }
}

function statusFor(group: '4' | '5', status: string | undefined): string {
  if (status === undefined || !STATUS.test(status)) return `${group}.7.1`
  // RFC 2034 §4: the first digits of code and status are the same.
  return status.startsWith(group) ? status : group + status.slice(1)
}

function oneLine(text: string, limit: number): string {
  return text
    .slice(0, limit)
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
}

/** Words in any case, as Postfix reads them. */
const KINDS: ReadonlyMap<string, Exclude<PolicyAction['kind'], 'refuse'>> = new Map(
  Object.entries(WORDS).map(([kind, word]) => [word, kind as keyof typeof WORDS]), // of its own keys
)

/**
 * Reads what stands behind `action=`, as access(5) has it.
 *
 * @example parseAction('550 5.7.23 no').kind // 'refuse'
 */
export function parseAction(action: string): PolicyAnswer {
  const said = action.trim()
  const space = said.search(/\s/)
  const word = space < 0 ? said : said.slice(0, space)
  const rest = space < 0 ? '' : said.slice(space).trimStart()
  if (/^[45]\d\d$/.test(word)) return { kind: 'refuse', code: Number(word), ...textOf(rest) }
  // RFC 5321 has no such code; to Postfix a number means OK.
  if (/^\d+$/.test(word)) return { kind: 'ok' }
  const name = word.toUpperCase()
  if (name === 'REJECT') return { kind: 'refuse', code: 554, ...textOf(rest || '5.7.1 Access denied') }
  if (name === 'DEFER') return { kind: 'refuse', code: 450, ...textOf(rest || '4.7.1 Access denied') }
  const kind = KINDS.get(name)
  switch (kind) {
    case undefined:
      return { kind: 'unknown', word }
    case 'dunno':
    case 'ok':
      return { kind }
    case 'defer-if-permit':
    case 'defer-if-reject':
      return { kind, ...textOf(rest || '4.7.1 Access denied') }
    case 'prepend':
      return { kind, field: rest }
    case 'hold':
    case 'discard':
    case 'warn':
    case 'info':
      return { kind, text: rest }
    default:
      return { kind, to: rest }
  }
}

function textOf(text: string): { readonly status?: string; readonly text: string } {
  const [, status] = /^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)/.exec(text) ?? []
  return status === undefined ? { text } : { status, text: text.slice(status.length).trimStart() }
}
