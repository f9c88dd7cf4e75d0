/** Why a request is not taken, as programs read it: problem details of RFC 9457, with the place of each fault. */
import { STATUS_CODES } from 'node:http'
import type { HttpReply } from '@postroad/plugin'

/** One thing that is wrong. */
export interface Fault {
  /** JSON pointer into the body (RFC 6901), as a fragment: `#/attachments/0/content`; `?from` is a part of the query. */
  readonly pointer: string
  readonly detail: string
}

/** What else the answer says. */
export interface RefusedOptions {
  readonly detail?: string | undefined
  readonly faults?: readonly Fault[] | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** What the server would have said to a client of SMTP. */
  readonly reply?: object | undefined
}

/** Thrown where a request, or one message of it, cannot be taken. */
export class RequestRefused extends Error {
  readonly status: number
  readonly options: RefusedOptions

  constructor(status: number, options: RefusedOptions = {}) {
    super(options.detail ?? options.faults?.[0]?.detail ?? STATUS_CODES[status])
    this.name = 'RequestRefused'
    this.status = status
    this.options = options
  }

  /** The body of the answer. */
  get problem(): Readonly<Record<string, unknown>> {
    const { detail, faults, reply } = this.options
    return {
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      ...(detail !== undefined && { detail }),
      ...(faults && faults.length > 0 && { errors: faults }),
      ...(reply !== undefined && { reply }),
    }
  }

  get reply(): HttpReply {
    return {
      status: this.status,
      headers: { ...this.options.headers, 'content-type': 'application/problem+json' },
      body: JSON.stringify(this.problem),
    }
  }
}

/** A place in a body. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return `#${path.map((key) => `/${encodeURI(String(key).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`
}

/** The same faults at a place further down. */
export function below(path: readonly PropertyKey[], faults: readonly Fault[]): readonly Fault[] {
  if (path.length === 0) return faults
  const base = pointerOf(path)
  return faults.map(({ pointer, detail }) => ({ pointer: `${base}${pointer.slice(1)}`, detail }))
}
