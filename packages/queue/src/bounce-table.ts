/** What next hops mean by their replies: data, read top to bottom by `classify`; the first row that matches wins. */

/** Why a recipient was not reached. */
export type BounceClass =
  | 'invalid-mailbox'
  | 'invalid-domain'
  | 'inactive-mailbox'
  | 'quota'
  | 'too-big'
  | 'content'
  | 'greylist'
  | 'rate'
  | 'spam-block'
  | 'reputation'
  | 'authentication'
  | 'policy'
  | 'relaying'
  | 'tls'
  | 'loop'
  | 'dns'
  | 'network'
  | 'protocol'
  | 'system'
  | 'other'

/** One row: everything that is given must hold. */
export interface BounceRow {
  readonly class: BounceClass
  /** First digit of the reply code. */
  readonly digit?: 4 | 5
  readonly code?: number
  /** The row counts only for a reply without words: a bare code says little, and words that are not known here say something else. */
  readonly bare?: true
  /** The row does not count with these statuses (without the class; `7.` means all of that kind): a status about the sender goes before words about recipients. */
  readonly except?: readonly string[]
  /** Enhanced statuses without the class: `1.1` is 4.1.1 and 5.1.1. A row without text decides by status alone. */
  readonly detail?: readonly string[]
  /** Any of these in the text, compared in lower case. */
  readonly text?: readonly string[]
}

/** The rows. Texts come first: large providers put many things under 5.7.1 and 4.7.0, and some put the true cause only in words. */
// biome-ignore format: a table
export const BOUNCE_TABLE: readonly BounceRow[] = [
  { class: 'greylist', digit: 4, text: ['greylist', 'graylist', 'grey-list', 'greylisting', 'please try again in 5 minutes'] },
  { class: 'policy', detail: ['1.7', '1.8'] },
  { class: 'quota', detail: ['2.2'] },
  { class: 'quota', text: ['over quota', 'quota exceeded', 'mailbox full', 'mailbox is full', 'exceeded storage', 'insufficient disk space for the recipient'] },
  { class: 'system', text: ['insufficient disk', 'insufficient system', 'insufficient storage', 'disk full', 'disk space', 'out of disk', 'no space left'] },
  { class: 'rate', text: ['too many recipients'] },
  { class: 'rate', digit: 4, text: ['rate limit', 'rate-limit', 'ratelimit', 'too many messages', 'too many connections', 'too much mail', 'throttl', 'try again later - slow down', 'unusual rate', 'at a rate that', 'server busy', 'concurrent connections', 'unexpected volume', 'try again later, closing connection'] },
  { class: 'rate', digit: 4, detail: ['7.500'] },
  { class: 'spam-block', text: ['spamhaus', 'spamcop', 'barracudacentral', 'sorbs', 'uceprotect', 'blocklist', 'block list', 'blacklist', 'listed in', 'listed by', 'dnsbl', 'rbl '] },
  { class: 'spam-block', text: ['looks like spam', 'detected as spam', 'spam message', 'considered spam', 'likely unsolicited', 'unsolicited mail', 'spam content', 'is spam', 'spam detected', 'spam score', ':blocked)'] },
  // Of the sender, though the words are those of a recipient.
  { class: 'policy', digit: 5, text: ['sender verify failed', 'message not allowed', 'sender address', 'sender domain', 'domain of sender', 'sender rejected', 'invalid sender', 'return path', 'reverse-path'] },
  { class: 'authentication', detail: ['7.20', '7.21', '7.22', '7.23', '7.24', '7.26', '7.27', '7.29', '7.30'] },
  { class: 'authentication', text: ['spf check', 'spf fail', 'dkim', 'dmarc', 'unauthenticated email', 'not authenticated', 'authentication checks', 'sender policy framework'] },
  { class: 'reputation', detail: ['7.25', '7.28'] },
  { class: 'reputation', text: ['reputation', 'reverse dns', 'ptr record', 'no ptr', 'rdns', 'insecure mail relay', 'open relay', 'ip address has been', 'banned sending ip'] },
  { class: 'relaying', text: ['relay access denied', 'relaying denied', 'relay not permitted', 'not permitted to relay', 'unable to relay', 'relay denied', 'allowed rcpthosts'] },
  { class: 'inactive-mailbox', detail: ['2.1'] },
  { class: 'inactive-mailbox', text: ['account disabled', 'account is disabled', 'mailbox disabled', 'account has been disabled', 'inactive', 'account suspended', 'mailbox unavailable: disabled'] },
  { class: 'invalid-mailbox', digit: 5, detail: ['1.1', '1.6', '1.0'] },
  { class: 'invalid-mailbox', digit: 5, detail: ['1.10'], text: ['resolver.adr', 'recipientnotfound', 'recipient not found'] },
  { class: 'invalid-mailbox', digit: 5, except: ['7.', '1.7', '1.8'], text: ['user unknown', 'unknown user', 'no such user', 'user does not exist', 'mailbox unavailable', 'does not exist', 'no mailbox', 'recipient rejected', 'invalid recipient', 'unknown recipient', 'recipient address rejected', 'no such recipient', 'recipient not found', 'user not found', 'no such mailbox', 'mailbox not found', 'address unknown', 'unrouteable address'] },
  { class: 'invalid-domain', digit: 5, detail: ['1.2', '1.10'] },
  { class: 'dns', detail: ['4.3', '4.4', '1.2', '1.10'] },
  { class: 'loop', detail: ['4.6'] },
  { class: 'loop', text: ['too many hops', 'mail loop', 'loops back to'] },
  { class: 'network', detail: ['4.0', '4.1', '4.2', '4.7'] },
  { class: 'tls', detail: ['7.10', '7.11', '7.4', '7.5'] },
  { class: 'tls', text: ['starttls', 'must issue a starttls', 'certificate verif', 'tls required'] },
  { class: 'too-big', detail: ['2.3', '3.4'] },
  { class: 'too-big', code: 552, bare: true },
  { class: 'too-big', text: ['message too large', 'message size exceeds', 'size limit'] },
  { class: 'content', detail: ['6.0', '6.1', '6.2', '6.3', '6.5', '6.6', '6.7', '6.8', '6.9', '6.10', '6.11'] },
  { class: 'content', text: ['virus', 'malware', 'attachment', 'content rejected', 'message content'] },
  { class: 'policy', detail: ['7.0', '7.1', '7.2', '7.3', '7.6', '7.7', '7.8', '7.9', '1.8'] },
  { class: 'policy', digit: 5, text: ['blocked', 'access denied', 'denied', 'banned', 'prohibited', 'not allowed', 'not permitted', 'not accepted', 'policy', 'not welcome', 'refused'] },
  { class: 'rate', detail: ['4.5', '5.3'] },
  { class: 'system', detail: ['3.0', '3.1', '3.2', '3.3', '3.5', '2.0', '2.4'] },
  { class: 'protocol', detail: ['5.0', '5.1', '5.2', '5.4', '5.5', '5.6'] },
  { class: 'network', code: 421 },
  { class: 'invalid-mailbox', digit: 5, code: 550, bare: true },
  { class: 'invalid-mailbox', digit: 5, code: 551, bare: true },
  { class: 'invalid-mailbox', digit: 5, code: 553, bare: true },
  { class: 'greylist', digit: 4, code: 450 },
  { class: 'quota', digit: 4, code: 452 },
  { class: 'system', digit: 4, code: 451 },
  { class: 'protocol', digit: 5, code: 500 },
  { class: 'protocol', digit: 5, code: 501 },
  { class: 'protocol', digit: 5, code: 502 },
  { class: 'protocol', digit: 5, code: 503 },
  { class: 'protocol', digit: 5, code: 504 },
]
