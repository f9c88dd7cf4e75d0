/** Tokens of OAuth: judged by the provider's keys (JWT), or by the provider itself (RFC 7662). */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { AuthOptions } from './options.ts'

type OAuth = NonNullable<AuthOptions['oauth']>

/** Milliseconds for which keys are kept, and before they are asked for again because of a key nobody knows: anybody can make up one. */
const KEYS = { cacheMaxAge: 600_000, cooldownDuration: 10_000 }
/** Octets of an answer about a token. */
const LONGEST = 65_536
/** Characters of a token. */
const LONGEST_TOKEN = 16_384

/** Judges tokens. Resolves to the user's name; undefined: it is wrong. Rejects when nobody could say. */
export type TokenJudge = (token: string, signal: AbortSignal) => Promise<string | undefined>

/** What judging a token stands on. */
export interface TokenDeps {
  readonly deadline: number
  /** Milliseconds since the epoch. */
  now(): number
}

/** Judges by keys or by the provider, as the options say. */
export function tokenJudge(options: OAuth, deps: TokenDeps): TokenJudge {
  const claimsOf = options.introspection
    ? introspecting(options, options.introspection, deps)
    : verifying(options, deps)
  return async (token, signal) => {
    if (token.length > LONGEST_TOKEN) return undefined
    const claims = await claimsOf(token, signal)
    return claims && userIn(claims, options)
  }
}

type ClaimsOf = (token: string, signal: AbortSignal) => Promise<JWTPayload | undefined>

function verifying(options: OAuth, { deadline, now }: TokenDeps): ClaimsOf {
  const keys = createRemoteJWKSet(new URL(options.keys ?? ''), { ...KEYS, timeoutDuration: deadline })
  return async (token) => {
    const settings: JWTVerifyOptions = {
      issuer: options.issuer,
      audience: options.audience,
      algorithms: options.algorithms,
      requiredClaims: ['exp'],
      clockTolerance: options.tolerance / 1_000,
      currentDate: new Date(now()),
    }
    try {
      return (await jwtVerify(token, keys, settings)).payload
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return byAny(token, error, settings)
      if (isWrong(error)) return undefined
      throw error
    }
  }
}

/** A token that does not say by which of several keys it was signed. */
async function byAny(
  token: string,
  keys: errors.JWKSMultipleMatchingKeys,
  settings: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(token, key, settings)).payload
    } catch (error) {
      if (!isWrong(error)) throw error
    }
  }
  return undefined
}

/** What is wrong with the token; all else is that nobody could say. */
function isWrong(error: unknown): boolean {
  return (
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey
  )
}

function introspecting(
  { issuer, audience, tolerance }: OAuth,
  { url, clientId, clientSecret }: NonNullable<OAuth['introspection']>,
  { deadline, now }: TokenDeps,
): ClaimsOf {
  // RFC 6749 §2.3.1: both are encoded before they are joined.
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':')
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  return async (token, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization, accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadline)]),
      redirect: 'error',
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`HTTP status ${response.status} of the provider`)
    }
    const claims = JSON.parse(await textOf(response)) as JWTPayload & { readonly active?: unknown } // each claim is checked where it is read
    if (claims.active === false) return undefined
    if (claims.active !== true) throw new Error('the provider says neither that the token is active nor that it is not')
    const isFor = [claims.aud].flat().some((one) => typeof one === 'string' && audience.includes(one))
    const isInTime =
      (claims.exp === undefined || claims.exp * 1_000 + tolerance > now()) &&
      (claims.nbf === undefined || claims.nbf * 1_000 - tolerance <= now())
    return isFor && isInTime && (claims.iss === undefined || claims.iss === issuer) ? claims : undefined
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > LONGEST) throw new Error(`more than ${LONGEST} octets of the provider`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function userIn(claims: JWTPayload, { user, scope }: OAuth): string | undefined {
  const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [claims['scp']].flat()
  if (scope !== undefined && !scopes.includes(scope)) return undefined
  // An address that the provider has not checked anybody can write.
  if (user === 'email' && claims['email_verified'] === false) return undefined
  const name = claims[user]
  return typeof name === 'string' && name !== '' ? name : undefined
}
