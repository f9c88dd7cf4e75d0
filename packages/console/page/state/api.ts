/** Asks the API. Everything the page knows comes through here, from its own origin; a refusal is a `Problem` (RFC 9457). */

/** What the server refused, in its own words. */
export class Problem extends Error {
  /** The status of HTTP; 0 when there was no answer at all. */
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

/** The address of a route, relative to the page: it may stand behind a prefix. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href
}

/** `{ q: 'a', limit: undefined }` as `?q=a`; what is undefined or empty is left out. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const list = Object.entries(values).filter(([, value]) => value !== undefined && value !== '')
  return list.length === 0 ? '' : `?${new URLSearchParams(list.map(([name, value]) => [name, String(value)]))}`
}

/**
 * Asks for an answer.
 *
 * @throws {Problem} when it is refused, or nobody answers
 */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return send<T>(path, { headers: { accept: 'application/json' }, ...(signal && { signal }) })
}

/**
 * Asks for something to be done. Always JSON: what a foreign page can send without being asked is not JSON.
 *
 * @throws {Problem} when it is refused, or nobody answers
 */
export async function post<T>(
  path: string,
  body: unknown,
  { method = 'POST', token }: { readonly method?: 'POST' | 'DELETE'; readonly token?: string } = {},
): Promise<T> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  return send<T>(path, {
    method,
    headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
}

/**
 * Any other request to the API.
 *
 * @throws {Problem} as {@link get}
 */
export async function send<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(addressOf(path), { credentials: 'same-origin', redirect: 'error', ...init })
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new Problem(0, 'The server does not answer.')
  }
  if (!response.ok) throw new Problem(response.status, await detailOf(response))
  // `as`: the shape is that of the schema, which the server holds its answers against.
  return (response.status === 204 ? undefined : await response.json()) as T
}

/** Why an answer is none, in the words of the server. */
export async function detailOf(response: Response): Promise<string> {
  try {
    const { detail, title } = (await response.json()) as { detail?: unknown; title?: unknown } // foreign: looked at below
    if (typeof detail === 'string') return detail
    if (typeof title === 'string') return title
  } catch {
    // Not every refusal is ours: a proxy's has no JSON, and its status says enough.
  }
  return `The server answered ${response.status}.`
}
