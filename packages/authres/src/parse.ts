/** Reads Authentication-Results fields of others, RFC 8601 §2.2: what is out there, not only what is allowed. */
import { domainToASCII } from 'node:url'
import { Lexer } from './lexer.ts'
import type { AuthResults, MethodResult, Property } from './results.ts'

/**
 * Reads the value of an Authentication-Results field, folded or not.
 *
 * More is accepted than the grammar has: unquoted values with any character but white space, `;` and `(`, and an empty last
 * result. `undefined` when there is no authserv-id or a part cannot be understood: half a field is worse than none.
 */
export function parseAuthResults(value: string): AuthResults | undefined {
  const lexer = new Lexer(value)
  const authservId = readHead(lexer)
  if (authservId === undefined) return undefined
  const results: MethodResult[] = []
  while (lexer.take(';')) {
    if (lexer.cfws() === undefined) return undefined
    if (lexer.isAtEnd) break
    const result = readResult(lexer)
    if (result === undefined) return undefined
    if (result !== 'none') results.push(result)
  }
  return lexer.isAtEnd ? { authservId, results } : undefined
}

/** An ARC-Authentication-Results field, RFC 8617 §4.1.1: `i=1; ` and the rest as above. */
export function parseArcAuthResults(value: string): { readonly instance: number; readonly results: AuthResults } | undefined {
  const match = /^[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*(\d{1,2})[ \t\r\n]*;/.exec(value)
  const results = match ? parseAuthResults(value.slice(match[0].length)) : undefined
  return match && results ? { instance: Number(match[1]), results } : undefined
}

/**
 * Whether the field claims to be written by `authservId` (a pattern `*.example.com` stands for all names below), or cannot be
 * read well enough to say that it does not: such a field must not come in from outside, RFC 8601 §5. Names are compared
 * without case and as A-labels.
 */
export function claims(value: string, authservId: string): boolean {
  const id = readHead(new Lexer(value))
  if (id === undefined) return true
  const claimed = normaliseId(id)
  if (authservId.startsWith('*.')) return claimed.endsWith(`.${normaliseId(authservId.slice(2))}`)
  return claimed === normaliseId(authservId)
}

/** RFC 8601 §2.5: usually a domain name; other ids are compared as text. */
function normaliseId(id: string): string {
  const text = id.trim().normalize('NFKC').toLowerCase()
  return (domainToASCII(text) || text).replace(/\.$/, '')
}

/** `[CFWS] authserv-id [ CFWS authres-version ]`, up to the first `;` or the end. */
function readHead(lexer: Lexer): string | undefined {
  if (lexer.cfws() === undefined) return undefined
  const id = lexer.peek() === '"' ? lexer.quoted() : lexer.word(';("')
  if (id === undefined || id === '' || lexer.cfws() === undefined) return undefined
  const version = lexer.word(';(')
  if (!/^\d*$/.test(version) || lexer.cfws() === undefined) return undefined
  return lexer.isAtEnd || lexer.peek() === ';' ? id : undefined
}

function readResult(lexer: Lexer): MethodResult | 'none' | undefined {
  const method = lexer.word(';(=/.').toLowerCase()
  if (lexer.cfws() === undefined || method === '') return undefined
  if (method === 'none' && (lexer.isAtEnd || lexer.peek() === ';')) return 'none'
  // RFC 8601 §2.2: `method/version`; there is only version 1.
  if (lexer.take('/') && (lexer.cfws() === undefined || !/^\d+$/.test(lexer.word(';(=')))) return undefined
  const result = readAssigned(lexer)?.toLowerCase()
  if (result === undefined || result === '') return undefined
  return readDetails(lexer, method, result)
}

/** `[ reasonspec ] *propspec`, and the comment after the result. */
function readDetails(lexer: Lexer, method: string, result: string): MethodResult | undefined {
  const properties: Property[] = []
  const comment = lexer.cfws()
  let reason: string | undefined
  if (comment === undefined) return undefined
  while (!lexer.isAtEnd && lexer.peek() !== ';') {
    const type = lexer.word(';(=.').toLowerCase()
    if (type === '' || lexer.cfws() === undefined) return undefined
    const name = lexer.take('.') ? readName(lexer) : ''
    const value = name === undefined ? undefined : readAssigned(lexer)
    if (value === undefined || lexer.cfws() === undefined) return undefined
    if (name) properties.push({ type, name, value })
    else if (type === 'reason') reason = value
    else return undefined
  }
  return { method, result, ...(reason === undefined ? {} : { reason }), ...(comment === '' ? {} : { comment }), properties }
}

function readName(lexer: Lexer): string | undefined {
  if (lexer.cfws() === undefined) return undefined
  return lexer.word(';(=').toLowerCase() || undefined
}

/** `[CFWS] "=" [CFWS] value`. */
function readAssigned(lexer: Lexer): string | undefined {
  if (lexer.cfws() === undefined || !lexer.take('=') || lexer.cfws() === undefined) return undefined
  if (lexer.peek() !== '"') return lexer.word(';(')
  const local = lexer.quoted()
  // A quoted local part may be followed by its domain: `"a b"@example.com`.
  return local === undefined || lexer.peek() !== '@' ? local : `"${local}"${lexer.word(';(')}`
}
