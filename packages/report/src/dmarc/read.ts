/** Reads aggregate reports of everybody, RFC 9990 and before: element by element, never deeper and never more than is good for us. */
import { SaxesParser } from 'saxes'
import type { DmarcDisposition, DmarcPublished, DmarcReason, DmarcRecord, DmarcReport } from './model.ts'

const MAX_DEPTH = 20
const MAX_RECORDS = 100_000
/** Of one element; reports have hardly any. */
const MAX_ATTRIBUTES = 50
/** Characters of one text; reports have names and numbers. */
const MAX_TEXT = 4_096

/** What begins so and ends so, and how many characters of it a document may have. */
const COSTLY = [
  ['<!--', '-->', 262_144],
  ['<![CDATA[', ']]>', 262_144],
  ['&', ';', 1_048_576],
] as const

/** Characters between the marks, all together. */
function spanOf(xml: string, open: string, close: string): number {
  let sum = 0
  for (let at = xml.indexOf(open); at >= 0; ) {
    const end = xml.indexOf(close, at + open.length)
    if (end < 0) return sum + xml.length - at
    sum += end - at
    at = xml.indexOf(open, end)
  }
  return sum
}

/** What an element has in it: text, and elements by name, in order. */
interface Element {
  text: string
  readonly children: Map<string, Element[]>
}

/** A report, or a sentence that says why it is none. Does not throw. */
export function readDmarcReport(xml: string): DmarcReport | { readonly mistake: string } {
  // What costs a parser more than it is worth; reports have none of it, or a line.
  for (const [open, close, most] of COSTLY)
    if (spanOf(xml, open, close) > most) return { mistake: `it has more of ${open} than a report has` }
  try {
    return new Reader().read(xml)
  } catch (error) {
    return { mistake: error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it is no XML' }
  }
}

class Reader {
  readonly #open: { readonly name: string; readonly element: Element }[] = []
  readonly #records: DmarcRecord[] = []
  #feedback: Element | undefined

  read(xml: string): DmarcReport {
    const parser = new SaxesParser({ position: false })
    // Without a document type nothing is defined, so nothing can be expanded.
    parser.on('doctype', () => stop('it has a document type'))
    parser.on('error', (error) => stop(`it is no XML: ${error.message.slice(0, 200)}`))
    let attributes = 0
    // They are compared with each other, each with all before it.
    parser.on('attribute', () => void (++attributes > MAX_ATTRIBUTES && stop('it has attributes without end')))
    parser.on('opentag', (tag) => {
      attributes = 0
      this.#enter(tag)
    })
    parser.on('closetag', (tag) => this.#leave(tag))
    parser.on('text', (text) => this.#add(text))
    parser.on('cdata', (text) => this.#add(text))
    parser.write(xml).close()
    return this.#finish()
  }

  #enter({ name }: { readonly name: string }): void {
    if (this.#open.length >= MAX_DEPTH) stop(`its elements are more than ${MAX_DEPTH} deep`)
    const element: Element = { text: '', children: new Map() }
    const local = name.slice(name.indexOf(':') + 1)
    // Some wrap it in something else.
    if (local === 'feedback' && this.#feedback === undefined) this.#feedback = element
    this.#open.push({ name: local, element })
  }

  #add(text: string): void {
    const element = this.#open.at(-1)?.element
    // White space between elements is no text, however much of it there is.
    if (element === undefined || (element.text === '' && text.trim() === '')) return
    if (element.text.length + text.length > MAX_TEXT) stop(`a text in it has more than ${MAX_TEXT} characters`)
    element.text += text
  }

  #leave({ name }: { readonly name: string }): void {
    const closed = this.#open.pop()
    const parent = this.#open.at(-1)?.element
    if (closed === undefined || parent === undefined) return
    // A record is read at once and forgotten: there may be many.
    if (closed.name === 'record' && parent === this.#feedback) {
      if (this.#records.length >= MAX_RECORDS) stop(`it has more than ${MAX_RECORDS} records`)
      this.#records.push(recordOf(closed.element))
      return
    }
    const siblings = parent.children.get(name.slice(name.indexOf(':') + 1))
    if (siblings === undefined) parent.children.set(closed.name, [closed.element])
    else if (siblings.length < 1_000) siblings.push(closed.element)
    else stop('it repeats one element without end')
  }

  #finish(): DmarcReport {
    const feedback = this.#feedback ?? stop('it has no element "feedback"')
    const about = child(feedback, 'report_metadata')
    const range = child(about, 'date_range')
    const domain = textOf(child(feedback, 'policy_published'), 'domain')
    if (domain === undefined) stop('it does not say which domain it is about')
    const begin = secondsOf(textOf(range, 'begin'))
    const end = secondsOf(textOf(range, 'end'))
    if (begin === undefined || end === undefined) stop('it does not say of which time it is')
    return {
      organization: textOf(about, 'org_name') ?? '',
      email: textOf(about, 'email') ?? '',
      id: textOf(about, 'report_id') ?? '',
      begin,
      end,
      generator: textOf(about, 'generator'),
      errors: (about?.children.get('error') ?? []).map(({ text }) => text.trim()).filter((text) => text !== ''),
      published: publishedOf(child(feedback, 'policy_published'), domain),
      records: this.#records,
    }
  }
}

function publishedOf(element: Element | undefined, domain: string): DmarcPublished {
  return {
    domain: domain.toLowerCase(),
    p: textOf(element, 'p') ?? 'none',
    sp: textOf(element, 'sp'),
    np: textOf(element, 'np'),
    adkim: textOf(element, 'adkim'),
    aspf: textOf(element, 'aspf'),
    fo: textOf(element, 'fo'),
    testing: textOf(element, 'testing'),
    discovery: textOf(element, 'discovery_method'),
  }
}

function recordOf(element: Element): DmarcRecord {
  const row = child(element, 'row')
  const evaluated = child(row, 'policy_evaluated')
  const identifiers = child(element, 'identifiers')
  const results = child(element, 'auth_results')
  const spf = child(results, 'spf')
  const count = Number(textOf(row, 'count') ?? Number.NaN)
  return {
    source: (textOf(row, 'source_ip') ?? '').replace(/^::ffff:(?=\d+\.)/i, ''),
    count: Number.isSafeInteger(count) && count >= 0 ? count : 0,
    disposition: dispositionOf(textOf(evaluated, 'disposition')),
    dkim: textOf(evaluated, 'dkim') === 'pass' ? 'pass' : 'fail',
    spf: textOf(evaluated, 'spf') === 'pass' ? 'pass' : 'fail',
    reasons: (evaluated?.children.get('reason') ?? []).map(reasonOf),
    headerFrom: (textOf(identifiers, 'header_from') ?? '').toLowerCase(),
    envelopeFrom: child(identifiers, 'envelope_from')?.text.trim().toLowerCase(),
    envelopeTo: textOf(identifiers, 'envelope_to')?.toLowerCase(),
    signatures: (results?.children.get('dkim') ?? []).map((each) => ({
      domain: textOf(each, 'domain') ?? '',
      selector: textOf(each, 'selector') ?? '',
      result: textOf(each, 'result') ?? '',
    })),
    spfResult: spf && { domain: textOf(spf, 'domain') ?? '', result: textOf(spf, 'result') ?? '' },
  }
}

function reasonOf(element: Element): DmarcReason {
  const comment = textOf(element, 'comment')
  return { type: textOf(element, 'type') ?? 'other', ...(comment !== undefined && { comment }) }
}

function dispositionOf(text: string | undefined): DmarcDisposition {
  return (['none', 'pass', 'quarantine', 'reject'] as const).find((one) => one === text?.toLowerCase()) ?? 'none'
}

function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.get(name)?.[0]
}

/** Undefined where there is no such element, or nothing in it. */
function textOf(element: Element | undefined, name: string): string | undefined {
  const text = child(element, name)?.text.trim()
  return text === '' ? undefined : text
}

function secondsOf(text: string | undefined): number | undefined {
  const seconds = Number(text)
  return text !== undefined && Number.isFinite(seconds) && seconds >= 0 && seconds < 1e11
    ? Math.floor(seconds) * 1_000
    : undefined
}

function stop(mistake: string): never {
  throw new Error(mistake)
}
