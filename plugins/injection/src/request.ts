/** From what a program asks for to messages that can be sent: every fault of it is found before anything is. */
import { createHash, randomUUID } from 'node:crypto'
import type { Address } from '@postroad/mail'
import type { MessageTags } from '@postroad/plugin'
import { readTime } from './at.ts'
import type { InjectionClient } from './client.ts'
import { compose, dateOf } from './compose.ts'
import { readFiles } from './files.ts'
import { readHeaders } from './headers.ts'
import { type NamedMailbox, readMailboxes } from './mailbox.ts'
import { rawFault, readRaw } from './raw.ts'
import { type Fault, pointerOf, RequestRefused } from './refusal.ts'
import type { MessageInput } from './schema.ts'
import { render, type Template, TemplateError } from './template.ts'

/** One message, ready to be sent. */
export interface Outgoing {
  /** Undefined: the null reverse-path. */
  readonly from: Address | undefined
  readonly to: readonly Address[]
  /** Its octets, made when they are needed: of one request there may be many. @throws {RequestRefused} 413 when there are too many of them */
  make(): Buffer
  readonly messageId: string | undefined
  /** Milliseconds since the epoch before which it does not go. */
  readonly at: number | undefined
  readonly tags: MessageTags | undefined
}

/** What a request is read with. `octets`: a whole message in place of what the JSON would have. */
export interface MessageReading {
  readonly client: InjectionClient
  readonly now: number
  readonly horizon: number
  /** Whether mail can wait for its time here. */
  canHold(): boolean
  /** Makes the same names for the same request. */
  readonly key: string | undefined
  templateOf(name: string): Promise<Template | undefined>
}

/** Faults that an answer lists at most. */
const MOST = 50

/** Fields of which a message has one way to say them. */
const ALONE = ['subject', 'text', 'html', 'template', 'cc', 'replyTo', 'attachments', 'headers', 'recipients'] as const

/**
 * The messages of one request.
 *
 * @throws {RequestRefused} 422 with all faults, 413 when it is too large
 */
export async function readMessage(
  input: MessageInput,
  reading: MessageReading,
  { at = 0, octets }: { readonly at?: number; readonly octets?: Buffer } = {},
): Promise<readonly Outgoing[]> {
  const faults: Fault[] = []
  const time = timeOf(input, reading, faults)
  const whole = octets ?? (input.raw === undefined ? undefined : Buffer.from(input.raw))
  const outgoing = whole
    ? asItIs(input, whole, reading, { at, faults })
    : await composed(input, reading, { at, faults })
  if (faults.length > 0) throw new RequestRefused(422, { faults: faults.slice(0, MOST) })
  return time === undefined ? outgoing : outgoing.map((each) => ({ ...each, at: time }))
}

interface Place {
  readonly at: number
  readonly faults: Fault[]
}

function timeOf({ at }: MessageInput, { now, horizon, canHold }: MessageReading, faults: Fault[]): number | undefined {
  if (at === undefined) return undefined
  const time = readTime(at, { now, horizon })
  const detail =
    typeof time === 'string' ? time : canHold() ? undefined : 'no queue of this server can keep mail until its time'
  if (detail === undefined) return typeof time === 'number' && time > now ? time : undefined
  faults.push({ pointer: pointerOf(['at']), detail })
  return undefined
}

async function composed(
  input: MessageInput,
  reading: MessageReading,
  { at, faults }: Place,
): Promise<readonly Outgoing[]> {
  const author = authorOf(input, faults)
  const fixed = {
    cc: readMailboxes(input.cc, ['cc'], faults),
    replyTo: readMailboxes(input.replyTo, ['replyTo'], faults),
    files: readFiles(input.attachments ?? [], faults),
    headers: readHeaders(input.headers ?? {}, faults),
  }
  const from = reversePathOf(input, author?.address, faults)
  for (const [sender, place] of [
    [author?.address, 'from'],
    [from, 'returnPath'],
  ] as const)
    if (sender && !(place === 'returnPath' && sender === author?.address))
      checkSender(sender, reading, { place, faults })
  const copies = copiesOf(input, fixed.cc, faults)
  for (const { to, path } of copies) countRecipients(to, path, reading, faults)
  const template = await templateOf(input, reading, faults)
  if (!author || faults.length > 0) return []
  const outgoing: Outgoing[] = []
  for (const [which, copy] of copies.entries()) {
    const messageId = messageIdOf(reading.key, `${at}.${which}`, author.address.domain)
    const textsOf = (): Template => (template ? rendered(template, copy, reading, faults) : input)
    const composeWith = ({ subject, text, html }: Template): Buffer =>
      within(
        compose({ ...fixed, subject, text, html, from: author, to: copy.shown, messageId, date: reading.now }),
        reading,
      )
    // The faults of all are told together; what is made is not kept, where there may be much of it.
    const texts = textsOf()
    if (faults.length > 0 && faults.length < MOST) continue
    if (faults.length > 0) break
    const only = copies.length === 1 ? composeWith(texts) : undefined
    const tags = tagsOf(input, copy.metadata)
    outgoing.push({ from, to: copy.to, make: () => only ?? composeWith(textsOf()), messageId, at: undefined, tags })
    if (which % 50 === 49) await new Promise(setImmediate)
  }
  return outgoing
}

function within(octets: Buffer, { client }: MessageReading): Buffer {
  if (octets.length <= client.size) return octets
  throw new RequestRefused(413, { detail: `The message has ${octets.length} octets; ${client.size} are allowed` })
}

/** A whole message, with the envelope beside it or as its fields have it. */
function asItIs(
  input: MessageInput,
  octets: Buffer,
  reading: MessageReading,
  { at, faults }: Place,
): readonly Outgoing[] {
  for (const key of ALONE)
    if (input[key] !== undefined) faults.push({ pointer: pointerOf([key]), detail: 'is a part of the message in raw' })
  const messageId = messageIdOf(reading.key, `${at}.0`, reading.client.name.replaceAll(/[^\w.-]/g, '_'))
  const read = readRaw(octets, { messageId, date: dateOf(reading.now) })
  if (typeof read === 'string') {
    faults.push(rawFault(read))
    return []
  }
  const [sender] = [...readMailboxes(input.from, ['from'], faults), ...read.from.map((address) => ({ address }))]
  const from = reversePathOf(input, sender?.address, faults)
  for (const address of read.from) checkSender(address, reading, { place: 'raw', faults })
  if (from) checkSender(from, reading, { place: input.returnPath === undefined ? 'from' : 'returnPath', faults })
  const named = [...readMailboxes(input.to, ['to'], faults), ...readMailboxes(input.bcc, ['bcc'], faults)]
  const to = input.to === undefined && input.bcc === undefined ? read.recipients : named.map(({ address }) => address)
  if (read.from.length === 0) faults.push(rawFault('has no address in its field From'))
  countRecipients(to, input.to === undefined ? ['raw'] : ['to'], reading, faults)
  const whole = within(read.octets, reading)
  const { messageId: id } = read
  return [{ from, to: distinct(to), make: () => whole, messageId: id, at: undefined, tags: tagsOf(input) }]
}

function authorOf(input: MessageInput, faults: Fault[]): NamedMailbox | undefined {
  if (input.from === undefined) faults.push({ pointer: '#/from', detail: 'is missing' })
  return readMailboxes(input.from, ['from'], faults)[0]
}

function reversePathOf(
  { returnPath }: MessageInput,
  author: Address | undefined,
  faults: Fault[],
): Address | undefined {
  if (returnPath === undefined) return author
  return returnPath === null ? undefined : readMailboxes(returnPath, ['returnPath'], faults)[0]?.address
}

function checkSender(
  sender: Address,
  { client }: MessageReading,
  { place, faults }: { readonly place: string; readonly faults: Fault[] },
): void {
  if (client.mayUse(sender)) return
  faults.push({
    pointer: pointerOf([place]),
    detail: `the token ${JSON.stringify(client.name)} may not send as ${sender}`,
  })
}

function countRecipients(
  to: readonly Address[],
  path: readonly PropertyKey[],
  { client }: MessageReading,
  faults: Fault[],
): void {
  if (to.length === 0 && faults.length === 0) faults.push({ pointer: pointerOf(path), detail: 'nobody is to get it' })
  if (to.length > client.maxRecipients)
    faults.push({
      pointer: pointerOf(path),
      detail: `has ${to.length} recipients; ${client.maxRecipients} are allowed`,
    })
}

/** One that is sent: to whom, and what is shown of that. */
interface Copy {
  readonly to: readonly Address[]
  readonly shown: readonly NamedMailbox[]
  readonly path: readonly PropertyKey[]
  readonly variables: Readonly<Record<string, unknown>>
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

function copiesOf(input: MessageInput, cc: readonly NamedMailbox[], faults: Fault[]): readonly Copy[] {
  const { recipients, variables = {} } = input
  if (!recipients) {
    const shown = readMailboxes(input.to, ['to'], faults)
    const all = [...shown, ...cc, ...readMailboxes(input.bcc, ['bcc'], faults)].map(({ address }) => address)
    return [{ to: distinct(all), shown, path: ['to'], variables }]
  }
  for (const key of ['to', 'cc', 'bcc'] as const)
    if (input[key] !== undefined) faults.push({ pointer: pointerOf([key]), detail: 'and recipients: use one of them' })
  return recipients.flatMap((each, at) => {
    const shown = readMailboxes(each.to, ['recipients', at, 'to'], faults)
    const own = { ...variables, ...each.variables }
    const to = shown.map(({ address }) => address)
    return to.length === 0
      ? []
      : [{ to, shown, path: ['recipients', at, 'to'], variables: own, metadata: each.metadata }]
  })
}

function distinct(addresses: readonly Address[]): readonly Address[] {
  return addresses.length < 2
    ? addresses
    : [...new Map(addresses.map((address) => [address.toString(), address])).values()]
}

async function templateOf(
  input: MessageInput,
  reading: MessageReading,
  faults: Fault[],
): Promise<Template | undefined> {
  const { template } = input
  if (template === undefined) {
    const needless =
      input.variables !== undefined
        ? ['variables']
        : (input.recipients?.findIndex(({ variables }) => variables) ?? -1) >= 0
          ? ['recipients']
          : undefined
    if (needless)
      faults.push({
        pointer: pointerOf(needless),
        detail: 'has variables, and there is no template: subject, text and html are sent as they are',
      })
    return undefined
  }
  for (const key of ['text', 'html'] as const)
    if (input[key] !== undefined)
      faults.push({ pointer: pointerOf([key]), detail: 'and a template: put it into the template' })
  const found = typeof template === 'string' ? await reading.templateOf(template) : template
  if (!found) faults.push({ pointer: '#/template', detail: `there is no template ${JSON.stringify(template)}` })
  return found && { ...found, subject: found.subject ?? input.subject }
}

function rendered(template: Template, copy: Copy, { client }: MessageReading, faults: Fault[]): Template {
  const [list, which] = copy.path
  const path = list === 'recipients' ? [list, which ?? 0, 'variables'] : ['variables']
  const part = (kind: 'subject' | 'text' | 'html'): string | undefined => {
    const text = template[kind]
    if (text === undefined) return undefined
    try {
      const made = render(text, copy.variables, { html: kind === 'html', limit: client.size })
      if (kind !== 'subject' || !/[\u0000-\u001f\u007f]/.test(made)) return made
      faults.push({
        pointer: pointerOf(path),
        detail: 'makes a subject of more than one line, or with control characters',
      })
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      const place =
        error.missing === undefined
          ? ['template', ...(typeof template === 'object' ? [kind] : [])]
          : [...path, ...error.missing.split('.')]
      const fault = { pointer: pointerOf(place), detail: error.message }
      // A variable that subject, text and HTML name is missing once.
      if (!faults.some(({ pointer, detail }) => pointer === fault.pointer && detail === fault.detail))
        faults.push(fault)
    }
    return undefined
  }
  return { subject: part('subject'), text: part('text'), html: part('html') }
}

function tagsOf(
  { tags, metadata, tenant }: MessageInput,
  own?: Readonly<Record<string, string>>,
): MessageTags | undefined {
  if (!tags && !metadata && tenant === undefined && !own) return undefined
  return { tenant, tags, ...((metadata || own) && { metadata: { ...metadata, ...own } }) }
}

/** The same for the same request: a retry names the message that is there. */
function messageIdOf(key: string | undefined, place: string, domain: string): string {
  const id =
    key === undefined ? randomUUID() : createHash('sha256').update(`${key} ${place}`).digest('hex').slice(0, 32)
  return `<${id}@${domain}>`
}
