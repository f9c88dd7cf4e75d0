/**
 * Posts events. Whose server is asked is the operator's word, but where its name leads is another's: it is looked up by our resolver, and nothing
 * that is not public is connected to unless the operator has listed its network. What was looked up is what is connected to, so no second answer
 * of DNS counts, and no redirect is followed.
 */
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { networks } from '@postroad/options'
import type { Dns } from '@postroad/plugin'
import { isPublic } from '@postroad/tls-policy'
import { type BodyShape, bodyOf } from './body.ts'
import type { EndpointOptions } from './options.ts'
import { parseSecret, sign } from './signature.ts'
import { type EventOutcome, type EventSink, whyOf } from './sink.ts'

/** What a {@link httpSink} needs. */
export interface HttpSinkOptions {
  readonly endpoint: EndpointOptions & { readonly url: string }
  readonly dns: Pick<Dns, 'a' | 'aaaa'>
  readonly shape: BodyShape
  /** PEM. */
  readonly ca?: string | undefined
  /** Milliseconds since the epoch. */
  now(): number
}

/** Octets of an answer that are read so that its connection can be used again; a longer one costs the connection. */
const ANSWER = 16_384
/** Octets of an answer that are kept to be shown. */
const SHOWN = 200
/** A Retry-After is not believed beyond. */
const LONGEST_WAIT = 3_600_000

/** A sink that posts. */
export function httpSink({ endpoint, dns, shape, ca, now }: HttpSinkOptions): EventSink {
  const url = new URL(endpoint.url)
  const isAllowed = allowing(endpoint.networks)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secrets = endpoint.secrets === undefined ? [] : [endpoint.secrets].flat()
  const keys = secrets.flatMap((text) => parseSecret(text) ?? [])
  const common = { keepAlive: true, maxSockets: endpoint.concurrency, lookup: lookingUp(dns, isAllowed) }
  const [agent, request] =
    url.protocol === 'https:'
      ? [new https.Agent({ ...common, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) }), https.request]
      : [new http.Agent(common), http.request]
  return {
    deliver(events, signal) {
      // Of an address nobody is asked.
      if (isIP(host) > 0 && !isAllowed(host)) return Promise.resolve({ kind: 'failed', why: notPublic(host) })
      const { id, type, text } = bodyOf(events, shape)
      const body = Buffer.from(text)
      const seconds = Math.floor(now() / 1_000)
      const headers = {
        ...endpoint.headers,
        'content-type': type,
        'content-length': body.length,
        'user-agent': 'Postroad',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': sign(keys, { id, seconds, body }),
      }
      return new Promise<EventOutcome>((resolve) => {
        const asked = request(url, { method: 'POST', agent, headers, signal })
        const timer = setTimeout(() => asked.destroy(new Error('it took too long')), endpoint.timeout)
        const end = (outcome: EventOutcome): void => {
          clearTimeout(timer)
          resolve(outcome)
        }
        asked.on('error', (error) => end({ kind: 'failed', why: whyOf(error) }))
        asked.once('response', (response) => {
          let read = 0
          let shown = ''
          response.on('data', (part: Buffer) => {
            read += part.length
            if (shown.length < SHOWN) shown += part.toString('latin1', 0, SHOWN)
            // Its status is known, and that is what counts.
            if (read > ANSWER) {
              end(outcomeOf(response, shown, now()))
              asked.destroy()
            }
          })
          response.once('end', () => end(outcomeOf(response, shown, now())))
          response.once('error', (error) => end({ kind: 'failed', why: whyOf(error) }))
        })
        asked.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}

function outcomeOf({ statusCode = 0, headers }: http.IncomingMessage, shown: string, now: number): EventOutcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'ok' }
  const text = shown
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, SHOWN)
  const why = `HTTP ${statusCode}${text === '' ? '' : `: ${text}`}`
  if (statusCode === 410) return { kind: 'gone', why }
  if (statusCode >= 300 && statusCode < 400) return { kind: 'failed', why: `${why} (redirects are not followed)` }
  const isBusy = statusCode === 408 || statusCode === 425 || statusCode === 429 || statusCode >= 500 || statusCode < 200
  return isBusy
    ? { kind: 'failed', why, retryAfterMs: retryAfter(headers['retry-after'], now) }
    : { kind: 'refused', why }
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, LONGEST_WAIT) : undefined
}

function allowing(listed: readonly string[]): (address: string) => boolean {
  const isListed = networks(listed)
  return (address) => isPublic(address) || isListed(address)
}

function notPublic(host: string): string {
  return `${host} is not in public networks: list its network in \`networks\` if it is meant`
}

/** Names of this machine are not in DNS. */
const LOCAL: ReadonlyMap<string, readonly string[]> = new Map([['localhost', ['127.0.0.1', '::1']]])

function lookingUp(dns: HttpSinkOptions['dns'], isAllowed: (address: string) => boolean): LookupFunction {
  const find = async (host: string): Promise<{ address: string; family: number }[]> => {
    const known = LOCAL.get(host)
    const answers = known ? [] : await Promise.allSettled([dns.a(host), dns.aaaa(host)])
    const found = known ?? answers.flatMap((one) => (one.status === 'fulfilled' ? one.value.records : []))
    const usable = found.filter(isAllowed)
    if (usable.length > 0) return usable.map((address) => ({ address, family: isIP(address) }))
    if (found.length > 0) throw new Error(notPublic(host))
    throw new Error(`${host} has no address`, { cause: answers.find((one) => one.status === 'rejected') })
  }
  return (host, options, done) => {
    find(host).then(
      (all) => {
        const [first] = all
        if (options.all) done(null, all)
        else if (first) done(null, first.address, first.family)
      },
      (error: Error) => done(error, []),
    )
  }
}
