/**
 * What other plugins have found out about a message, as words for the filter: at arrival from their facts, and when the message is learned from a
 * field of our own, which nobody else can write.
 */
import { dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import type { ScanFacts } from '@postroad/learn'
import { defineFact, type Fact, type MessageContext, reverseDns } from '@postroad/plugin'
import { fieldOf } from './content-key.ts'
import type { Secret } from './secret.ts'

/** The field that carries them to who learns later. */
export const FACTS_FIELD = 'X-Spam-Facts'
/** Plugins that should have spoken before. */
export const SPEAKERS = ['spf', 'dkim', 'dmarc', 'urls', 'html', 'attachments', 'headers', 'mime'] as const

const PURPOSE = 'facts'
const WORD = /^[\w=.-]{1,48}$/
const MOST = 16

/** Facts of plugins that are no package: they meet by their names. */
const fact = (name: string): Fact<unknown> => defineFact<unknown>(name)
const [URLS, HTML, ATTACHMENTS, HEADERS] = ['urls', 'html', 'attachments', 'headers'].map(fact)
const LISTED = defineFact<unknown, 'session'>(['dns', 'listed'].join('-'), 'session')

/** What is known of the message of a transaction. */
export function factsOf(context: MessageContext): ScanFacts {
  const { find, session, envelope } = context
  const sender: string[] = []
  const spf = find(spfFact)
  if (spf) sender.push(`spf=${spf.mailFrom.result}`)
  const dkim = find(dkimFact)
  if (dkim) sender.push(`dkim=${dkimWord(dkim.signatures.map(({ result }) => result))}`)
  const dmarc = find(dmarcFact)
  if (dmarc) sender.push(`dmarc=${dmarc.result}`)
  const reverse = find(reverseDns)
  if (reverse) sender.push(`rdns=${reverse.result}`)
  // Where another server takes the mail, TLS is not always told.
  if (session.role === 'mta') sender.push(session.tls ? 'tls' : 'clear')
  for (const zone of zonesOf(find(LISTED))) sender.push(`dnsbl=${zone}`)
  sender.push(...signalsOf(HEADERS && find(HEADERS), 'headers'))
  const content = [
    ...signalsOf(HTML && find(HTML), 'html'),
    ...signalsOf(URLS && find(URLS), 'urls'),
    ...signalsOf(ATTACHMENTS && find(ATTACHMENTS), 'attachments'),
  ]
  return {
    sender: sender.filter((word) => WORD.test(word)).slice(0, MOST),
    content: content.filter((word) => WORD.test(word)).slice(0, MOST),
    reversePath: envelope.from ? envelope.from.toString() : '',
  }
}

function dkimWord(results: readonly string[]): string {
  return results.includes('pass') ? 'pass' : (results[0] ?? 'none')
}

function zonesOf(listed: unknown): readonly string[] {
  return Array.isArray(listed)
    ? listed.flatMap((one: { zone?: unknown }) => (typeof one.zone === 'string' ? one.zone : []))
    : []
}

/** Names of signals: of a list of them, or of what has one. */
function signalsOf(found: unknown, prefix: string): readonly string[] {
  const list: unknown = Array.isArray(found) ? found : (found as { signals?: unknown } | undefined)?.signals // a fact by its name
  if (!Array.isArray(list)) return []
  return list.flatMap((one: { signal?: unknown }) => (typeof one.signal === 'string' ? `${prefix}=${one.signal}` : []))
}

/** The value of the field. @param about Message-ID and Date of the message, so that the field of one says nothing of another */
export function writeFacts(
  { sender = [], content = [], reversePath }: ScanFacts,
  about: FactsAbout,
  secret: Secret,
): string {
  const words = `${sender.join(' ')} | ${content.join(' ')} | ${reversePath === '' ? 'null' : 'path'}`
  const seal = secret.digest(PURPOSE, `${words}\n${textOf(about)}`)
  return `${words.replaceAll(' | ', ' |\r\n ')}; ${seal}`
}

/** What the words are about. */
interface FactsAbout {
  readonly messageId: string | undefined
  readonly date: string | undefined
}

function textOf({ messageId = '', date = '' }: FactsAbout): string {
  return `${messageId.trim()}\n${date.trim()}`
}

/** What the field of a message says; undefined when there is none that we have written. */
export function readFacts(octets: Uint8Array, secret: Secret): ScanFacts | undefined {
  const value = fieldOf(octets, FACTS_FIELD)?.replaceAll(/\s+/g, ' ')
  const end = value?.lastIndexOf('; ') ?? -1
  if (value === undefined || end < 0) return undefined
  const words = value.slice(0, end)
  const about = { messageId: fieldOf(octets, 'Message-ID'), date: fieldOf(octets, 'Date') }
  if (!secret.isDigest(PURPOSE, `${words}\n${textOf(about)}`, value.slice(end + 2))) return undefined
  const [sender = '', content = '', path = ''] = words.split('|').map((part) => part.trim())
  const list = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '')
  return { sender: list(sender), content: list(content), ...(path === 'null' && { reversePath: '' }) }
}
