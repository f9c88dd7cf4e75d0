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
  /** Any of these in the text, compared in lower case; addresses in it are read as `@`, and a blank stands before the first word. */
  readonly text?: readonly string[]
}

/**
 * The rows. Texts come first: large providers put many things under 5.7.1 and 4.7.0, and some put the true cause only in words. What is said of the
 * sender comes before what is said of the recipient: nobody's address is dead because mail to it was blocked.
 */
// biome-ignore format: a table
export const BOUNCE_TABLE: readonly BounceRow[] = [
  { class: 'greylist', digit: 4, text: ['greylist', 'graylist', 'grey-list', 'grey list', 'please try again in 5 minutes'] },
  { class: 'policy', detail: ['1.7', '1.8', '7.27'] },
  // Of the sender, though the words are those of a recipient.
  { class: 'policy', text: ['invalid recipients', 'rejected recipients', 'unknown recipients', 'authentication failures', 'recipient preferences', 'by this recipient', 'by this user', 'rejected by recipient', 'policy error', 'policy violation', 'mailpolicy', 'abusive requests'] },
  { class: 'rate', detail: ['2.121', '2.122', '7.500'] },
  { class: 'rate', text: ['too many recipients', 'hourly quota', 'daily quota', 'relay quota', 'this hour', 'per hour', 'frequency limit', 'messages per session', 'at a rate that', 'receivingrate'] },
  { class: 'rate', digit: 5, text: ['sent too many', 'rate limit exceeded', 'too many messages', 'too many connections'] },
  { class: 'rate', digit: 4, text: ['rate limit', 'rate-limit', 'ratelimit', 'too many messages', 'too many recent', 'too many connections', 'too many concurrent', 'too many sessions', 'max message per connection', 'too much mail', 'too much email', 'too quickly', 'throttl', 'slow down', 'unusual rate', 'server busy', 'concurrent connections', 'concurrent sessions', 'excessive volume', 'unexpected volume', 'queue quota', 'trop de connexions', 'try again later, closing connection'] },
  { class: 'quota', detail: ['2.2'] },
  { class: 'quota', text: ['over quota', 'overquota', 'quota exceeded', 'exceeded quota', 'quota violation', 'disk quota', 'mailbox full', 'mailbox is full', 'mailbox size limit', 'exceeded storage', 'out of storage', 'boite du destinataire pleine', 'insufficient disk space for the recipient'] },
  { class: 'system', text: ['insufficient disk', 'insufficient system', 'insufficient storage', 'disk full', 'disk space', 'out of disk', 'no space left'] },
  { class: 'spam-block', text: ['spamhaus', 'spamcop', 'barracudacentral', 'sorbs', 'uceprotect', 'hostkarma', 'invaluement', 'senderscore', 'blocklist', 'block list', 'blacklist', 'black list', 'listed in', 'listed by', 'listed at', 'listed on', 'dnsbl', 'rbl ', 'rbl.', ' rbl', '/rbl', '_rbl', 'blocked using', 'ipcheck.proofpoint'] },
  { class: 'spam-block', text: ['looks like spam', 'detected as spam', 'spam message', 'considered spam', 'considered as spam', 'flagged as spam', 'likely unsolicited', 'unsolicited mail', 'spam content', 'is spam', 'spam detected', 'spam score', 'unwanted messages', 'spammer', ':blocked)'] },
  // Form of the message, in words that speak of senders and spam beside it.
  { class: 'content', text: ['rfc 5322', 'rfc compliant', 'rfc-compliant', 'addresses in from', 'address in from', 'duplicate header', 'header error', 'headers too large'] },
  { class: 'reputation', text: ['reverse dns', 'reverse hostname', 'ptr record', 'no ptr', 'dns ptr', 'rdns'] },
  { class: 'policy', digit: 5, text: ['sender verify failed', 'message not allowed', 'sender address', 'sender domain', 'domain of sender', 'sender rejected', 'sender refused', 'invalid sender', 'emetteur invalide', 'unroutable sender', 'return path', 'reverse-path', 'from: domain'] },
  { class: 'authentication', detail: ['7.20', '7.21', '7.22', '7.23', '7.24', '7.26', '7.29', '7.30', '7.509', '7.515'] },
  { class: 'authentication', text: [' spf', '>spf', 'dkim', 'dmarc', 'unauthenticated email', 'not authenticated', 'authentication checks', 'authentication information', 'authentication level', 'sender policy framework'] },
  { class: 'policy', digit: 4, text: ['sender address rejected'] },
  { class: 'relaying', text: ['relay access denied', 'relaying denied', 'relay not permitted', 'relaying not', 'not permitted to relay', 'unable to relay', 'relay denied', 'open relay not allowed', 'as a relay', 'allowed rcpthosts'] },
  { class: 'reputation', detail: ['7.25', '7.28', '7.511', '7.606'] },
  { class: 'reputation', text: ['reputation', 'name lookup failed', 'unverifyable', 'insecure mail relay', 'open relay', 'ip address has been', 'banned sending ip', 'spam rate'] },
  { class: 'spam-block', text: [' spam', '-spam', 'junkmail', 'unsolicited', 'access from ip address'] },
  { class: 'system', text: ['unverified address', 'address verification'] },
  { class: 'inactive-mailbox', text: ['account disabled', 'account is disabled', 'account has been disabled', 'mailbox disabled', 'mailbox is disabled', 'mailbox unavailable: disabled', 'disabled recipient', 'inactive', 'deactivated', 'account suspended', 'account is suspended', 'has been suspended', 'incoming suspended', 'account is blocked', 'account is locked', 'account closed', 'user suspended', 'temporary locked', 'temporarily locked', 'is frozen', 'recipient unavailable', 'recipient temporarily unavailable'] },
  { class: 'dns', detail: ['4.3', '4.312'] },
  { class: 'dns', text: ['dns error', 'dns query failed', 'domain is not reachable'] },
  { class: 'network', digit: 4, text: ['closing transmission channel', 'connection timed out', 'connection refused'] },
  { class: 'greylist', code: 450, text: ['try again'] },
  { class: 'inactive-mailbox', digit: 5, detail: ['2.1', '7.13'] },
  { class: 'system', digit: 4, except: ['1.', '4.'], text: ['temporary', 'temporarily', 'try again', 'try later', 'essayer plus tard', 'service unavailable', 'currently unavailable', 'resources', 'internal', 'license'] },
  { class: 'inactive-mailbox', detail: ['2.1', '7.13'] },
  { class: 'loop', text: ['too many hops', 'mail loop', 'loops back to', 'loop detected', 'routing loop', 'hop count exceeded'] },
  // What Microsoft says of recipients that it does not know.
  { class: 'invalid-mailbox', digit: 5, detail: ['4.1'], text: ['rejected: access denied'] },
  { class: 'invalid-mailbox', digit: 5, detail: ['1.1', '1.3', '1.6', '1.351'] },
  { class: 'invalid-mailbox', digit: 5, detail: ['1.10'], text: ['resolver.adr', 'recipientnotfound', 'recipient not found'] },
  { class: 'invalid-mailbox', digit: 5, detail: ['1.2'], text: ['recipient address'] },
  { class: 'invalid-mailbox', text: ['user unknown', 'unknown user', 'no such user', 'user does not exist', 'user not exist', 'user not found', 'address does not exist', 'account does not exist', 'mailbox does not exist', 'recipient does not exist', 'invalid-recipient', 'marked as invalid', "user doesn't have", 'no such recipient', 'unknown recipient'] },
  { class: 'invalid-mailbox', digit: 5, except: ['7.', '1.7', '1.8', '3.', '4.', '6.'], text: ['mailbox unavailable', 'mailbox is unavailable', '@ does not exist', '@ unknown', 'no mailbox', 'recipient rejected', 'invalid recipient', 'recipient unknown', 'recipient address rejected', 'recipient not found', 'not a valid recipient', 'no such mailbox', 'mailbox not found', 'invalid mailbox', 'mailbox unallocated', 'address unknown', 'address rejected', 'no such address', 'address could not be found', 'no longer valid', 'no longer on server', 'unrouteable address', 'not our user', 'not our customer', 'unknown or illegal', 'not a registered', 'not a valid email', 'not a valid user', 'destinataire invalide'] },
  { class: 'protocol', code: 501, text: ['domain name'] },
  { class: 'invalid-domain', digit: 5, detail: ['1.2', '1.10'] },
  { class: 'invalid-domain', digit: 5, detail: ['4.4'], text: ['not found', 'invalid domain', 'does not exist', 'nxdomain', 'no mx'] },
  { class: 'invalid-domain', digit: 5, except: ['5.'], text: ['host unknown', 'unknown host', 'invalid domain', 'unknown domain', 'no-domain', 'domain not found', 'does not accept mail', 'null mx', 'nullmx'] },
  { class: 'dns', detail: ['4.4', '1.2', '1.10'] },
  { class: 'loop', detail: ['4.6', '4.14'] },
  { class: 'network', detail: ['4.0', '4.1', '4.2', '4.7', '4.62', '4.316'] },
  { class: 'network', text: ['connection timed out', 'not accepting connections'] },
  { class: 'tls', detail: ['7.10', '7.11', '7.4', '7.5'] },
  { class: 'tls', text: ['starttls', 'certificate verif', 'tls required', 'tls is required', 'support tls', 'requires tls'] },
  { class: 'too-big', detail: ['2.3', '3.4'] },
  { class: 'too-big', code: 552, bare: true },
  { class: 'too-big', text: ['message too large', 'message size exceeds', 'size limit', 'too big'] },
  { class: 'content', detail: ['6.0', '6.1', '6.2', '6.3', '6.5', '6.6', '6.7', '6.8', '6.9', '6.10', '6.11'] },
  { class: 'content', text: ['virus', 'viral', 'malware', 'attachment', 'content rejected', 'message content', 'banned content', 'content denied', 'message filtered', 'mime messages', 'contenttype', 'content-type'] },
  { class: 'policy', detail: ['7.0', '7.1', '7.2', '7.3', '7.6', '7.7', '7.8', '7.9', '1.8'] },
  { class: 'policy', digit: 5, text: ['blocked', 'access denied', 'denied', 'banned', 'prohibited', 'not allowed', 'not permitted', 'not accepted', 'policy', 'policies', 'not welcome', 'refused', 'spoof', 'authentication required', 'smtp authentication', 'mismatch', 'redundant', 'mail rejected', 'mail is rejected', 'rejected by', 'not verified'] },
  { class: 'rate', detail: ['4.5', '5.3'] },
  { class: 'system', detail: ['3.0', '3.1', '3.2', '3.3', '3.5', '2.0', '2.4', '0.0'], digit: 4 },
  { class: 'system', detail: ['3.0', '3.1', '3.2', '3.3', '3.5', '2.0', '2.4'] },
  { class: 'system', text: ['service unavailable', 'currently unavailable', 'config error', 'unknown error', 'internal error', 'internal system error'] },
  { class: 'protocol', detail: ['5.0', '5.1', '5.2', '5.4', '5.5', '5.6'] },
  { class: 'network', code: 421 },
  { class: 'invalid-mailbox', digit: 5, code: 550, bare: true },
  { class: 'invalid-mailbox', digit: 5, code: 551, bare: true },
  { class: 'invalid-mailbox', digit: 5, code: 553, bare: true },
  { class: 'greylist', digit: 4, code: 450 },
  { class: 'quota', digit: 4, code: 452, bare: true },
  { class: 'system', digit: 4, code: 452 },
  { class: 'system', digit: 4, code: 451 },
  { class: 'protocol', digit: 5, code: 500 },
  { class: 'protocol', digit: 5, code: 501 },
  { class: 'protocol', digit: 5, code: 502 },
  { class: 'protocol', digit: 5, code: 503 },
  { class: 'protocol', digit: 5, code: 504 },
]
