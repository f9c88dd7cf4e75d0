/** Hands a report to a web server, RFC 8460 §5.4. Whose it is was said in a stranger's record: nothing but public addresses is connected to. */
import { request } from 'node:https'
import { isIP } from 'node:net'
import type { Dns } from '@postroad/plugin'
import { isPublic } from '@postroad/tls-policy'

/** How it is done. */
export interface PostOptions {
  readonly dns: Pick<Dns, 'a' | 'aaaa'>
  readonly signal: AbortSignal
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string | undefined
  /** Whether an address that is not public may be connected to all the same. */
  allows(address: string): boolean
}

const TIMEOUT_MS = 60_000

/** Resolves to what became of it: `ok`, or why it was not taken. Does not reject. */
export async function postReport(url: URL, body: { type: string; octets: Uint8Array }, options: PostOptions) {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    const [address, ...more] = await addressesOf(url.hostname, { ...options, signal })
    if (address === undefined) return `${url.hostname} has no address in public networks`
    let said = await postTo(address, { url, body, signal, options })
    if (said !== 'ok' && more[0] !== undefined) said = await postTo(more[0], { url, body, signal, options })
    return said
  } catch (error) {
    return error instanceof Error ? error.message : 'it could not be handed in'
  }
}

async function addressesOf(host: string, { dns, signal, allows }: PostOptions): Promise<readonly string[]> {
  const literal = host.replace(/^\[|\]$/g, '')
  const answers = isIP(literal) ? [] : await Promise.allSettled([dns.a(host, signal), dns.aaaa(host, signal)])
  const found = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value.records : []))
  return (isIP(literal) ? [literal] : found).filter((address) => isPublic(address) || allows(address))
}

interface Post {
  readonly url: URL
  readonly body: { readonly type: string; readonly octets: Uint8Array }
  readonly signal: AbortSignal
  readonly options: PostOptions
}

function postTo(address: string, { url, body, signal, options }: Post): Promise<string> {
  const { ca, allows } = options
  return new Promise((resolve) => {
    const asked = request({
      host: address,
      ...(isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 && { servername: url.hostname }),
      port: url.port === '' ? 443 : Number(url.port),
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: {
        host: url.host,
        'content-type': body.type,
        'content-length': body.octets.length,
        'user-agent': 'postroad',
      },
      agent: false,
      signal,
      ...(ca !== undefined && { ca }),
      minVersion: 'TLSv1.2',
    })
    asked.once('error', (error) => resolve(error.message))
    asked.once('socket', (socket) =>
      socket.once('connect', () => {
        // What the socket is connected to counts, not what was looked up.
        const { remoteAddress = '' } = socket
        if (!isPublic(remoteAddress) && !allows(remoteAddress)) asked.destroy(new Error('it is not in public networks'))
      }),
    )
    asked.once('response', (response) => {
      // No redirect is followed: it would lead where nobody has looked.
      const { statusCode = 0 } = response
      response.destroy()
      resolve(statusCode >= 200 && statusCode < 300 ? 'ok' : `${url.hostname} answered ${statusCode}`)
    })
    asked.end(body.octets)
  })
}
