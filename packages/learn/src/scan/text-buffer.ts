/** The text of a message as its reader sees it: folded, without markup, bounded. */
import { fold, INVISIBLE, LETTER, SPACE } from './fold.ts'

/** How many code points of a message are kept. */
export const TEXT_POINTS = 20_480

/** Folded code points with one space between words. */
export class TextBuffer {
  readonly points: Int32Array
  readonly kinds: Uint8Array
  length = 0
  /** How many letters were capitals, and how many signs nobody sees there were. */
  capitals = 0
  letters = 0
  invisible = 0

  constructor(room = TEXT_POINTS) {
    this.points = new Int32Array(room + 4)
    this.kinds = new Uint8Array(room + 4)
  }

  get isFull(): boolean {
    return this.length >= this.points.length - 4
  }

  begin(): void {
    this.length = 0
    this.capitals = 0
    this.letters = 0
    this.invisible = 0
  }

  push(point: number): void {
    const length = this.length
    if (length >= this.points.length - 4) return
    const folded = fold(point)
    const kind = (folded >>> 24) & 0x7f
    if (kind === SPACE) {
      if (length === 0 || this.kinds[length - 1] === SPACE) return
      this.points[length] = 0x20
    } else if (kind === INVISIBLE) {
      this.invisible++
      return
    } else {
      this.points[length] = folded & 0xffffff
      if (kind === LETTER) {
        this.letters++
        if (point >= 0x41 && point <= 0x5a) this.capitals++
      }
    }
    this.kinds[length] = kind
    this.length = length + 1
  }
}
