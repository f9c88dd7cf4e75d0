/** Answers that are refusals: `application/problem+json`, RFC 9457. */
import { STATUS_CODES } from 'node:http'

/** What a program can do something about: `detail` is a sentence for whoever reads the log of the caller. */
export function problem(status: number, detail?: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = { title: STATUS_CODES[status] ?? 'Error', status, ...(detail !== undefined && { detail }) }
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  })
}
