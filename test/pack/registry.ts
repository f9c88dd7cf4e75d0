/** A registry on loopback that takes what npm publishes and gives it back; whoever asks for anything else is sent to the real one. */
import { once } from 'node:events'
import http from 'node:http'

/** A running registry. */
export interface Registry {
  /** Address, with a slash at the end. */
  readonly url: string
  /** What was published, as `name@version`, in order. */
  readonly published: readonly string[]
  close(): Promise<void>
}

/** What npm sends with PUT: a document with the tarballs in it. */
interface Document {
  readonly name: string
  readonly versions: Record<string, { dist: { tarball: string } }>
  readonly 'dist-tags': Record<string, string>
  readonly _attachments?: Readonly<Record<string, { readonly data: string }>>
}

/**
 * Starts a registry.
 *
 * @param upstream where everything else is; without a slash at the end
 * @param isOurs whether a package is never looked for there
 */
export async function startRegistry(upstream: string, isOurs: (name: string) => boolean): Promise<Registry> {
  const documents = new Map<string, Document>()
  const tarballs = new Map<string, Buffer>()
  const published: string[] = []
  const server = http.createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '/')
    const [, name = '', , file] = /^\/((?:@[^/]+\/)?[^/?]+)(\/-\/([^/]+))?/.exec(url) ?? []
    const say = (code: number, body: object): void =>
      void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.method === 'PUT') void take(request).then(() => say(201, { ok: true }))
    else if (name === '-' && url.startsWith('/-/whoami')) say(200, { username: 'rehearsal' })
    else if (file !== undefined && isOurs(name)) response.end(tarballs.get(file))
    else if (documents.has(name)) say(200, documents.get(name) ?? {})
    else if (isOurs(name)) say(404, { error: 'not published' })
    else response.writeHead(302, { location: `${upstream}${request.url}` }).end()
  })
  const take = async (request: http.IncomingMessage): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { _attachments = {}, ...given }: Document = JSON.parse(Buffer.concat(chunks).toString())
    const before = documents.get(given.name)
    documents.set(given.name, {
      ...given,
      versions: { ...before?.versions, ...given.versions },
      'dist-tags': { ...before?.['dist-tags'], ...given['dist-tags'] },
    })
    // npm names the file `@scope/name-1.0.0.tgz`.
    for (const [file, { data }] of Object.entries(_attachments))
      tarballs.set(file.replace(/^.*\//, ''), Buffer.from(data, 'base64'))
    published.push(...Object.keys(given.versions).map((version) => `${given.name}@${version}`))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/`,
    published,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
