/** Plain answers, written to the socket as they are: no `Response` is made, and no stream of its body. */
import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { HttpReply } from '@postroad/plugin'
import { GUARDS } from './guard.ts'

/** What stands for an answer that was written already. */
export const SENT: Response = RESPONSE_ALREADY_SENT

/** Whether it is one, also from who has no compiler. */
export function isReply(answer: unknown): answer is HttpReply {
  return typeof answer === 'object' && answer !== null && 'status' in answer && Number.isInteger(answer.status)
}

/**
 * Writes it in one piece.
 *
 * @throws {TypeError} when a header field cannot be one; nothing was written then
 */
export function sendReply(outgoing: ServerResponse, { status, headers, body }: HttpReply): void {
  if (outgoing.destroyed) return
  const fields: Record<string, string | number> = { ...GUARDS }
  for (const name in headers) fields[name.toLowerCase()] = headers[name] ?? ''
  if (body !== undefined) fields['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  else if (status >= 200 && status !== 204 && status !== 304) fields['content-length'] = 0
  outgoing.writeHead(status, fields)
  outgoing.end(body)
}
