/** What the tests of this package share: jobs, a key and a certificate for `sink.test`. */
import { type Job, type MessageSource, parseAddress, type Recipient } from '@postroad/mail'

/** Self-signed, for `sink.test` and 127.0.0.1, until 2126. Public, therefore worthless outside of tests. */
export const certificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg03JYKoZA2DaNlqKn
ncJBu69srxXV6lUexYJRs4XFemChRANCAAS7p1g9pNAlqZkq/9tLkJZW3QK9RYD5
otkHK/Dz4q8zUDoB57tgK4tQ1VqZQjv6Y/fsLQ2+zkOXWrtiuSSQIBkf
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUeP489vabP8mzXxj/+iWqIoaiTOcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2luay50ZXN0MCAXDTI2MTEyMjAyMzczN1oYDzIxMjYxMDI5
MDIzNzM3WjAUMRIwEAYDVQQDDAlzaW5rLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS7p1g9pNAlqZkq/9tLkJZW3QK9RYD5otkHK/Dz4q8zUDoB57tgK4tQ
1VqZQjv6Y/fsLQ2+zkOXWrtiuSSQIBkfo28wbTAdBgNVHQ4EFgQUoWKClNgQu72J
V1+9NKcyijOiJBAwHwYDVR0jBBgwFoAUoWKClNgQu72JV1+9NKcyijOiJBAwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglzaW5rLnRlc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAL71OFGWFoxoE3gjv10lEyaHEvVoUrjCJt3vKa/wAdlpAiAL
3gTwfJD1+N8SqMKfD3ESZzxapWVmuHnCgldXmn43Nw==
-----END CERTIFICATE-----`,
}

/** A message in memory, in one chunk or in those given. */
export function source(...chunks: readonly (string | Uint8Array)[]): MessageSource {
  const octets = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  return { ...streamed(...octets), chunks: () => octets }
}

/** A message that is not in memory. */
export function streamed(...chunks: readonly (string | Uint8Array)[]): MessageSource {
  const octets = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  return {
    size: octets.reduce((sum, chunk) => sum + chunk.length, 0),
    async *raw() {
      yield* octets
    },
  }
}

/** A message that is read into the memory that is lent for it, as from a file. */
export function lent(octets: Uint8Array): MessageSource {
  return {
    size: octets.length,
    async *raw(lend = () => new Uint8Array(100_000)) {
      for (let at = 0; at < octets.length; ) {
        const memory = lend()
        const piece = octets.subarray(at, at + memory.length)
        memory.set(piece)
        // What is still to be sent of the piece before would now be seen to be another.
        yield memory.subarray(0, piece.length)
        at += piece.length
      }
    },
  }
}

/** A recipient with this address. */
export function recipient(text: string, parameters: Recipient['parameters'] = {}): Recipient {
  const address = parseAddress(text, { smtputf8: true })
  if (address === undefined) throw new TypeError(`not an address: ${text}`)
  return { address, parameters }
}

/** A job from `a@from.test` to the recipients, with a short message. */
export function job(to: readonly (string | Recipient)[], changes: Partial<Job> = {}): Job {
  return {
    route: { via: 'test' },
    from: parseAddress('a@from.test'),
    parameters: {},
    recipients: to.map((each) => (typeof each === 'string' ? recipient(each) : each)),
    message: source('Subject: x\r\n\r\nHello\r\n'),
    signal: new AbortController().signal,
    ...changes,
  }
}
