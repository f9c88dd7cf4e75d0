/** Rows as columns for people: what comes at once lines up, and what comes late is not waited for. */

type Row = Readonly<Record<string, string | number | boolean | undefined>>

/** So many rows say how wide a column is; of a list of a million, the first. */
const ROWS = 500
/** Milliseconds. A command that asks others row by row shows what it has. */
const PATIENCE = 200

/** Columns of a name are as wide in one table as in the next, so that the answers of several scopes line up. */
export class Columns {
  readonly #write: (line: string) => void
  readonly #widths = new Map<string, number>()
  #waiting: (readonly (readonly [name: string, cell: string])[])[] = []
  #timer: NodeJS.Timeout | undefined
  /** Names of the columns under which rows stand at the moment. */
  #head: string | undefined

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  row(fields: Row): void {
    const cells = Object.entries(fields).map(([name, value]) => [name, printable(String(value ?? ''))] as const)
    this.#waiting.push(cells)
    if (this.#waiting.length >= ROWS) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), PATIENCE)
  }

  /** Prints what waits: before anything else is printed, and at the end. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const rows = this.#waiting
    this.#waiting = []
    for (const [name, cell] of rows.flat())
      this.#widths.set(name, Math.max(this.#widths.get(name) ?? name.length, cell.length))
    for (const row of rows) {
      const names = row.map(([name]) => name)
      const head = names.join('\n')
      if (head !== this.#head) this.#line(row.map(([name]) => [name, name.toUpperCase()]))
      this.#head = head
      this.#line(row)
    }
  }

  #line(cells: readonly (readonly [name: string, cell: string])[]): void {
    const padded = cells.map(([name, cell]) => cell.padEnd(this.#widths.get(name) ?? 0))
    this.#write(`${padded.join('  ').trimEnd()}\n`)
  }
}

/** What a row says may come from a stranger's mail. */
function printable(cell: string): string {
  return cell.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
}
