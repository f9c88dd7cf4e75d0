/** Routes of one message: decoded, its fields, its octets, its files, and its HTML for a frame. `latest` is the newest. */
import { problem } from '@postroad/http'
import { messageFromBytes } from '@postroad/message'
import type { HttpContext, HttpRoute, Message } from '@postroad/plugin'
import type { Collection } from './collection.ts'
import { type CaughtEntry, filesOf, mimeOf } from './entry.ts'
import { own } from './own-site.ts'
import { withIds } from './query.ts'
import { headersOf, messageOf } from './shape.ts'
import { viewOf, viewPolicy } from './view.ts'

/** Types that a browser shows and does not run. */
const SHOWN = /^image\/(?:png|jpeg|gif|webp|avif|bmp)$/
const CAGED = "default-src 'none'; sandbox; frame-ancestors 'none'"

/** The routes. */
export function messageRoutes(collection: Collection): readonly HttpRoute[] {
  /** With its octets; a refusal when it is not there, or not any more. */
  const opened = async (
    id: string,
    use: (entry: CaughtEntry, message: Message, octets: Buffer) => Response | Promise<Response>,
  ): Promise<Response> => {
    const entry = collection.get(id)
    const octets = entry && (await collection.read(entry.id))
    if (!entry || !octets) return problem(404, 'There is no such message, or not any more')
    return use(entry, messageFromBytes(octets), octets)
  }
  const idOf = ({ params }: HttpContext): string => params['id'] ?? ''
  return [
    own({
      method: 'GET',
      path: '/api/v1/message/:id',
      summary: 'A message, decoded; it counts as read after that',
      handler: (context) =>
        opened(idOf(context), async (entry, message) => {
          if (!entry.read) collection.setRead(withIds([entry.id]), true)
          return Response.json(await messageOf(entry, message))
        }),
    }),
    own({
      method: 'GET',
      path: '/api/v1/message/:id/headers',
      summary: 'Its fields, by names as Mailpit has them; ?written=1 as they are written',
      handler: (context) =>
        opened(idOf(context), (_, message) =>
          Response.json(headersOf(message, context.url.searchParams.get('written') === '1')),
        ),
    }),
    own({
      method: 'GET',
      path: '/api/v1/message/:id/raw',
      summary: 'Its octets, as they came',
      handler: (context) =>
        opened(idOf(context), ({ id }, _, octets) => {
          const isFile = context.url.searchParams.get('dl') === '1'
          return file(octets, {
            'content-type': 'text/plain; charset=utf-8',
            ...(isFile && { 'content-disposition': `attachment; filename="${id}.eml"` }),
          })
        }),
    }),
    own({
      method: 'GET',
      path: '/api/v1/message/:id/part/:part',
      summary: 'One of its files, decoded',
      handler: (context) =>
        opened(idOf(context), async (_, message) => {
          const mime = await mimeOf(message)
          const found = mime?.attachments.find(({ part }) => part === context.params['part'])
          if (!found) return problem(404, 'There is no such file in the message')
          const type = /^[\w.+-]+\/[\w.+-]+$/.test(found.contentType) ? found.contentType : 'application/octet-stream'
          const disposition = SHOWN.test(type.toLowerCase()) ? 'inline' : 'attachment'
          return file(Buffer.from(found.content), {
            'content-type': type,
            'content-disposition': `${disposition}; filename*=UTF-8''${nameOf(found.filename ?? `part-${found.part}`)}`,
          })
        }),
    }),
    own({
      method: 'GET',
      path: '/view/:name',
      summary: 'Its HTML or its text, in a sandbox: latest, ID.html, ID.txt; ?remote=1 loads from elsewhere',
      handler: ({ params, url }) => {
        const [, id = '', kind = 'html'] = /^([^.]+)(?:\.(html|txt))?$/.exec(params['name'] ?? '') ?? []
        return opened(id, async (_, message) => {
          const mime = await mimeOf(message)
          if (kind === 'txt') return file(mime?.text ?? '', { 'content-type': 'text/plain; charset=utf-8' })
          if (mime?.html === undefined) return problem(404, 'It has no HTML')
          const remote = url.searchParams.get('remote') === '1'
          return new Response(viewOf(mime.html, filesOf(mime).inline, remote), {
            headers: {
              'content-type': 'text/html; charset=utf-8',
              'content-security-policy': viewPolicy(remote),
              'x-dns-prefetch-control': 'off',
            },
          })
        })
      },
    }),
  ]
}

/** Never run, whatever it is: an origin of its own, and no guessing of types. */
function file(octets: Buffer | string, headers: Readonly<Record<string, string>>): Response {
  const body = typeof octets === 'string' ? octets : Uint8Array.from(octets)
  return new Response(body, { headers: { ...headers, 'content-security-policy': CAGED } })
}

/** RFC 8187 §3.2.1. */
function nameOf(name: string): string {
  const flat = name.replace(/[\u0000-\u001f\u007f/\\]/g, '_').slice(0, 200)
  // A surrogate that stands alone cannot be encoded.
  return encodeURIComponent(Buffer.from(flat).toString()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
