/** What a link is made of: host, domain, words of its path, and what is odd about it. */
import { finish, take, takeText } from './hash.ts'
import type { FeatureSink } from './sink.ts'

const MAX_LINK = 512
const HOST = 0x31
const DOMAIN = 0x32
const ENDING = 0x33
const PATH = 0x34
const ODD = 0x35
const MAX_PATH_WORDS = 6

/** Whether a point can stand in a link of plain text. */
export function isInLink(point: number): boolean {
  return point > 0x20 && point !== 0x22 && point !== 0x3c && point !== 0x3e && point !== 0x7f && point !== 0xa0
}

/** Takes the features of the link that stands from `from` (its scheme) to `to`. */
export function scanLink(points: Int32Array, from: number, to: number, space: number, sink: FeatureSink): void {
  const end = Math.min(to, from + MAX_LINK)
  const link = new Link(points, from, end, space, sink)
  const afterScheme = link.scheme()
  if (afterScheme < 0) return
  link.path(link.authority(afterScheme))
}

class Link {
  readonly points: Int32Array
  readonly from: number
  readonly end: number
  readonly space: number
  readonly sink: FeatureSink

  constructor(points: Int32Array, from: number, end: number, space: number, sink: FeatureSink) {
    this.points = points
    this.from = from
    this.end = end
    this.space = space
    this.sink = sink
  }

  /** Where the authority begins, or -1 when there is none. */
  scheme(): number {
    const { points, end } = this
    let at = this.from
    while (at < end && at - this.from < 12 && points[at] !== 0x3a) at++
    if (points[at] !== 0x3a) return -1
    const scheme = this.text(this.from, at)
    if (scheme === 'mailto' || scheme === 'cid' || scheme === 'javascript' || scheme === 'data') {
      this.add(finish(takeText(take(this.space, ODD), scheme)), () => `a link of kind ${scheme}`)
      return scheme === 'mailto' ? this.afterAt(at + 1) : -1
    }
    if (scheme !== 'http')
      this.add(finish(takeText(take(this.space, ODD), scheme)), () => `a link that begins with ${scheme}:`)
    let slashes = at + 1
    while (slashes < end && (points[slashes] === 0x2f || points[slashes] === 0x5c)) slashes++
    return slashes
  }

  afterAt(from: number): number {
    for (let at = from; at < this.end; at++) if (this.points[at] === 0x40) return at + 1
    return -1
  }

  /** Takes the host; gives where the path begins. */
  authority(from: number): number {
    const { points, end } = this
    let at = from
    let start = from
    while (at < end && !isEndOfAuthority(points[at] ?? 0)) {
      if (points[at] === 0x40) {
        start = at + 1
        this.odd('user')
      }
      at++
    }
    let hostEnd = start
    while (hostEnd < at && points[hostEnd] !== 0x3a) hostEnd++
    if (hostEnd < at) this.odd('port')
    if (hostEnd > start) this.host(start, hostEnd)
    return at
  }

  host(from: number, to: number): void {
    const { points, space } = this
    let dots = 0
    let last = from
    let beforeLast = from
    let isAddress = true
    let whole = take(space, HOST)
    for (let i = from; i < to; i++) {
      const point = lower(points[i] ?? 0)
      whole = take(whole, point)
      if (point === 0x2e) {
        dots++
        beforeLast = last
        last = i + 1
      } else if (point < 0x30 || point > 0x39) isAddress = false
      if (point === 0x25) this.odd('percent')
      if (point > 0x7f) this.odd('letters')
    }
    this.add(finish(whole), () => `link to ${this.text(from, to)}`)
    if (isAddress) {
      this.odd('address')
      return
    }
    if (dots > 3) this.odd('many labels')
    const domain = this.hash(DOMAIN, beforeLast, to)
    this.add(domain, () => `link to the domain ${this.text(beforeLast, to)}`)
    this.add(this.hash(ENDING, last, to), () => `link to a host that ends in .${this.text(last, to)}`)
  }

  /** Words of path and query. */
  path(from: number): void {
    const { points, end } = this
    let words = 0
    let start = from
    let percents = 0
    for (let i = from; i <= end && words < MAX_PATH_WORDS; i++) {
      const point = i < end ? lower(points[i] ?? 0) : 0
      if ((point >= 0x61 && point <= 0x7a) || point > 0x7f) continue
      if (point === 0x25) percents++
      if (i - start >= 2 && i - start <= 20) {
        const at = start
        this.add(this.hash(PATH, at, i), () => `"${this.text(at, i)}" in the path of a link`)
        words++
      }
      start = i + 1
    }
    if (percents > 3) this.odd('many percents')
    if (end - this.from > 100) this.odd('long')
  }

  odd(what: string): void {
    this.add(finish(takeText(take(this.space, ODD), what)), () => `a link with something odd: ${what}`)
  }

  hash(kind: number, from: number, to: number): number {
    let running = take(this.space, kind)
    for (let i = from; i < to; i++) running = take(running, lower(this.points[i] ?? 0))
    return finish(running)
  }

  text(from: number, to: number): string {
    let text = ''
    for (let i = from; i < Math.min(to, from + 80); i++) text += String.fromCodePoint(lower(this.points[i] ?? 0))
    return text
  }

  add(hash: number, words: () => string): void {
    const { sink } = this
    if (sink.words.add(hash) && sink.notes !== undefined) sink.notes.say('words', hash, 'link', words())
  }
}

function isEndOfAuthority(point: number): boolean {
  return point === 0x2f || point === 0x3f || point === 0x23 || point === 0x5c
}

function lower(point: number): number {
  return point >= 0x41 && point <= 0x5a ? point | 0x20 : point
}
