/** HTML as text that a reader sees, in one pass: tags and links become features, damaged markup never costs more than its length. */
import { finish, take, takeText } from './hash.ts'
import { scanLink } from './link.ts'
import type { FeatureSink } from './sink.ts'
import type { TextBuffer } from './text-buffer.ts'

const MAX_TAGS = 200
const MAX_TAG = 4096
const MAX_LINKS = 50
const TAG = 0x41
const HIDDEN = 0x42

const BLOCKS = new Set(
  'p br div td th tr li ul ol dl dt dd table h1 h2 h3 h4 h5 h6 hr blockquote pre center title option form body head'.split(
    ' ',
  ),
)
const UNSEEN = new Set(['style', 'script', 'title'])
const ENTITIES = new Map<string, number>([
  ['amp', 0x26],
  ['lt', 0x3c],
  ['gt', 0x3e],
  ['quot', 0x22],
  ['apos', 0x27],
  ['nbsp', 0x20],
  ['copy', 0xa9],
  ['reg', 0xae],
  ['trade', 0x2122],
  ['bull', 0x2022],
  ['middot', 0xb7],
  ['hellip', 0x2026],
  ['ndash', 0x2013],
  ['mdash', 0x2014],
  ['lsquo', 0x2018],
  ['rsquo', 0x2019],
  ['ldquo', 0x201c],
  ['rdquo', 0x201d],
  ['euro', 0x20ac],
  ['pound', 0xa3],
  ['shy', 0xad],
  ['zwnj', 0x200c],
  ['eacute', 0xe9],
  ['egrave', 0xe8],
  ['agrave', 0xe0],
  ['ccedil', 0xe7],
  ['auml', 0xe4],
  ['ouml', 0xf6],
  ['uuml', 0xfc],
  ['szlig', 0xdf],
])

/** Reads HTML of several parts of one message; `begin` between messages. */
export class MarkupReader {
  #tags = 0
  #links = 0
  readonly #sink: FeatureSink
  readonly #text: TextBuffer
  readonly #space: number

  constructor(sink: FeatureSink, text: TextBuffer, space: number) {
    this.#sink = sink
    this.#text = text
    this.#space = space
  }

  begin(): void {
    this.#tags = 0
    this.#links = 0
  }

  /** One more link of plain text; whether there was room for it. */
  takeLink(points: Int32Array, from: number, to: number): void {
    if (this.#links++ < MAX_LINKS) scanLink(points, from, to, this.#space, this.#sink)
  }

  read(points: Int32Array, length: number): void {
    const text = this.#text
    let i = 0
    while (i < length) {
      const point = points[i] ?? 0
      if (point === 0x3c) i = this.#markup(points, i, length)
      else if (point === 0x26) i = this.#entity(points, i, length)
      else {
        text.push(point)
        i++
      }
      // Tags behind the text that is looked at still count, up to their own limit.
      if (text.isFull && this.#tags >= MAX_TAGS) return
    }
  }

  #markup(points: Int32Array, at: number, length: number): number {
    const next = points[at + 1] ?? 0
    if (at + 1 < length && next === 0x21) return skipDeclaration(points, at, length)
    const isEnd = next === 0x2f
    const start = isEnd ? at + 2 : at + 1
    let i = start
    let name = ''
    while (i < length && i - start < 16 && isNamePoint(points[i] ?? 0, i > start))
      name += String.fromCharCode((points[i++] ?? 0) | 0x20)
    if (name === '') {
      this.#text.push(0x3c)
      return at + 1
    }
    if (BLOCKS.has(name)) this.#text.push(0x20)
    if (!isEnd && this.#tags++ < MAX_TAGS) this.#tag(name)
    const end = this.#attributes(points, i, Math.min(length, at + MAX_TAG), isEnd || this.#tags > MAX_TAGS)
    return !isEnd && UNSEEN.has(name) && name !== 'title' ? skipUnseen(points, end, length, name) : end
  }

  #tag(name: string): void {
    const { words, notes } = this.#sink
    const hash = finish(takeText(take(this.#space, TAG), name))
    if (words.add(hash) && notes !== undefined) notes.say('words', hash, 'html', `the tag <${name}>`)
  }

  /** Passes over attributes to behind the `>`, and takes the links in them. */
  #attributes(points: Int32Array, from: number, end: number, isIgnored: boolean): number {
    let i = from
    while (i < end) {
      const point = points[i] ?? 0
      if (point === 0x3e) return i + 1
      if (point === 0x3d) {
        const nameEnd = i
        i++
        while (i < end && (points[i] ?? 0) <= 0x20) i++
        const quote = points[i] === 0x22 || points[i] === 0x27 ? (points[i] ?? 0) : 0
        const start = quote === 0 ? i : i + 1
        i = start
        while (i < end && !endsValue(points[i] ?? 0, quote)) i++
        if (!isIgnored) this.#attribute(points, nameEnd, start, i)
        if (quote !== 0 && i < end) i++
        continue
      }
      i++
    }
    return i
  }

  #attribute(points: Int32Array, nameEnd: number, from: number, to: number): void {
    let end = nameEnd
    while (end > 0 && (points[end - 1] ?? 0) <= 0x20 && nameEnd - end < 4) end--
    const last = (points[end - 1] ?? 0) | 0x20
    const first = (points[end - 4] ?? 0) | 0x20
    // "href" and "src": all that is needed to know them is at their ends.
    if ((last === 0x66 && first === 0x68) || (last === 0x63 && ((points[end - 2] ?? 0) | 0x20) === 0x72)) {
      let start = from
      while (start < to && (points[start] ?? 0) <= 0x20) start++
      this.takeLink(points, start, to)
    } else if (last === 0x65 && ((points[end - 2] ?? 0) | 0x20) === 0x6c) this.#style(points, from, to)
  }

  /** Text that nobody is to see. */
  #style(points: Int32Array, from: number, to: number): void {
    let style = ''
    for (let i = from; i < Math.min(to, from + 200); i++) {
      const point = points[i] ?? 0
      if (point > 0x20 && point < 0x7f) style += String.fromCharCode(point).toLowerCase()
    }
    if (!style.includes('display:none') && !style.includes('visibility:hidden') && !style.includes('font-size:0'))
      return
    const { words, notes } = this.#sink
    const hash = finish(take(this.#space, HIDDEN))
    if (words.add(hash) && notes !== undefined) notes.say('words', hash, 'html', 'text that is not shown')
  }

  #entity(points: Int32Array, at: number, length: number): number {
    const text = this.#text
    let i = at + 1
    const end = Math.min(length, at + 12)
    if (points[i] === 0x23) {
      const isHex = ((points[i + 1] ?? 0) | 0x20) === 0x78
      i += isHex ? 2 : 1
      const start = i
      let value = 0
      for (; i < end; i++) {
        const digit = digitOf(points[i] ?? 0)
        if (digit < 0 || (digit > 9 && !isHex)) break
        value = Math.min(value * (isHex ? 16 : 10) + digit, 0x110000)
      }
      if (i > start) {
        text.push(value)
        return points[i] === 0x3b ? i + 1 : i
      }
    } else {
      let name = ''
      while (i < end && isNamePoint(points[i] ?? 0, false)) name += String.fromCharCode(points[i++] ?? 0)
      const value = ENTITIES.get(name.toLowerCase())
      if (value !== undefined) {
        text.push(value)
        return points[i] === 0x3b ? i + 1 : i
      }
    }
    text.push(0x26)
    return at + 1
  }
}

function skipDeclaration(points: Int32Array, at: number, length: number): number {
  const isComment = points[at + 2] === 0x2d && points[at + 3] === 0x2d
  for (let i = at + (isComment ? 4 : 2); i < length; i++)
    if (points[i] === 0x3e && (!isComment || (points[i - 1] === 0x2d && points[i - 2] === 0x2d))) return i + 1
  return length
}

function skipUnseen(points: Int32Array, from: number, length: number, name: string): number {
  for (let i = from; i < length; i++) {
    if (points[i] !== 0x3c || points[i + 1] !== 0x2f) continue
    let k = 0
    while (k < name.length && ((points[i + 2 + k] ?? 0) | 0x20) === name.charCodeAt(k)) k++
    if (k === name.length) return i
  }
  return length
}

function isNamePoint(point: number, isInside: boolean): boolean {
  return (
    (point >= 0x61 && point <= 0x7a) || (point >= 0x41 && point <= 0x5a) || (isInside && point >= 0x30 && point <= 0x39)
  )
}

function endsValue(point: number, quote: number): boolean {
  return quote === 0 ? point <= 0x20 || point === 0x3e : point === quote
}

function digitOf(point: number): number {
  if (point >= 0x30 && point <= 0x39) return point - 0x30
  const lower = point | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
