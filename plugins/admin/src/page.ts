/** The page, where its package is installed. */
import type { HttpRoute } from '@postroad/plugin'

/** Files by their path, with the policy that goes with each; as `@postroad/console` gives them. */
export interface Page {
  readonly files: ReadonlyMap<string, { readonly type: string; readonly bytes: Uint8Array; readonly etag: string }>
  readonly policy: string
}

/** A route for each file, and for nothing else: no path of a request ever becomes the path of a file. */
export function pageRoutes({ files, policy }: Page): readonly HttpRoute[] {
  return [...files].map(([path, { type, bytes, etag }]): HttpRoute => {
    const headers = { 'content-type': type, etag, 'cache-control': 'no-cache', 'content-security-policy': policy }
    return {
      method: 'GET',
      path,
      access: 'login',
      summary: path === '/' ? 'The page' : 'A file of the page',
      handler: ({ request }) =>
        request.headers.get('if-none-match') === etag
          ? new Response(null, { status: 304, headers })
          : new Response(Uint8Array.from(bytes), { headers }),
    }
  })
}
