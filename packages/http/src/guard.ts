/** Nothing that is said here is to be kept, framed, guessed at or sent on; a route that means something else says so itself. */

export const GUARDS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

const FIELDS = Object.entries(GUARDS)

/** The answer with those that it does not have. */
export function guarded(answer: Response): Response {
  const headers = new Headers(answer.headers)
  for (const [name, value] of FIELDS) if (!headers.has(name)) headers.set(name, value)
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers })
}
