/** A canonical line on its way to the log and to all who watch: its time is taken once, and it is written down once, for all of them. */
import type { FeedRecord } from '@postroad/plugin'
import { jsonOf, type LineFields, writableFields } from './json.ts'

/** As it is told: fields as the operator wants them. */
export class CanonicalLine {
  readonly time: string
  readonly fields: LineFields
  #record: FeedRecord | undefined
  /** JSON from behind the time on. */
  #rest: string | undefined

  /** @param time ISO 8601 */
  constructor(time: string, fields: LineFields) {
    this.time = time
    this.fields = fields
  }

  /** With its time. */
  get record(): FeedRecord {
    return (this.#record ??= { time: this.time, ...this.fields } as FeedRecord) // every canonical line has an event and an id
  }

  /** One line of JSON, with its line break. */
  get line(): string {
    return this.#written('')
  }

  /** The same as a line of the log. */
  get logged(): string {
    return this.#written(',"level":"info"')
  }

  #written(level: string): string {
    this.#rest ??= restOf(textOf(this.fields))
    return `{"time":"${this.time}"${level}${this.#rest}\n`
  }
}

function restOf(text: string): string {
  return text === '{}' ? '}' : `,${text.slice(1)}`
}

function textOf(fields: LineFields): string {
  try {
    return jsonOf(fields)
  } catch {
    return jsonOf(writableFields(fields, jsonOf))
  }
}
