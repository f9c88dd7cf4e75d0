/** What makes two targets the same: a connection made for one may carry the mail of the other only when nothing that decides whom to trust differs. */
import { createHash } from 'node:crypto'
import type { TlsPolicy } from '@postroad/mail'
import type { Credentials, Target } from './target.ts'

const keys = new WeakMap<Target, string>()
const policies = new WeakMap<TlsPolicy, string>()
const credentials = new WeakMap<Credentials, string>()

/**
 * Connections to targets with the same key are interchangeable. All of the TLS policy and of the credentials count, secrets as
 * a hash: data by its value, functions and other objects by which one they are, so a function that is made anew for each
 * message never shares a connection. Only `authenticate` counts by the policy's `id`, which says what it demands.
 *
 * @throws {TypeError} when a policy authenticates and has no id
 */
export function targetKey(target: Target): string {
  let key = keys.get(target)
  if (key === undefined) keys.set(target, (key = makeKey(target)))
  return key
}

function makeKey({ protocol, host, address, port, path, tls, auth, localAddress }: Target): string {
  const place = path === undefined ? [address ?? '', host, port] : [path]
  // As JSON: names come from DNS, and no character in one may pass for a border between two parts.
  return JSON.stringify([
    protocol,
    ...place,
    trustOf(tls),
    auth === undefined ? '' : secretOf(auth),
    localAddress ?? '',
  ])
}

function trustOf(tls: TlsPolicy): string {
  let trust = policies.get(tls)
  if (trust === undefined) {
    const { authenticate, published: _published, ...demands } = tls
    const { id, verify = false } = demands
    if (authenticate !== undefined && (id === undefined || id === ''))
      throw new TypeError('a TLS policy that authenticates needs an id that says what it demands')
    // Whatever stands in a policy counts, also what nobody here understands: it is no reason to share.
    policies.set(tls, (trust = hash({ ...demands, verify, authenticates: authenticate !== undefined })))
  }
  return trust
}

function secretOf(auth: Credentials): string {
  let secret = credentials.get(auth)
  if (secret === undefined) credentials.set(auth, (secret = hash(auth)))
  return secret
}

function hash(value: object): string {
  return createHash('sha256').update(canonical(value, MAX_DEPTH)).digest('base64')
}

/** Deeper data counts by identity, which ends what refers to itself. */
const MAX_DEPTH = 8

const identities = new WeakMap<object, number>()
let identified = 0

function canonical(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return identity(value)
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
  if (ArrayBuffer.isView(value))
    return `octets ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}`
  if (depth === 0) return identity(value)
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth - 1)).join()}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return identity(value)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${canonical(each, depth - 1)}`)
    .join()}}`
}

function identity(value: object): string {
  let number = identities.get(value)
  if (number === undefined) identities.set(value, (number = ++identified))
  return `#${number}`
}
