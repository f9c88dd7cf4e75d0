/** Reads Authentication-Results fields of others, RFC 8601 §2.2: what is out there, not only what is allowed. */
import { domainToASCII } from 'node:url'
import { domainTest } from '@postroad/options'
import type { AuthResults, MethodResult, Property } from './field.ts'
import { Lexer } from './lexer.ts'

/**
 * Reads the value of an Authentication-Results field, folded or not.
 *
 * More is accepted than the grammar has: unquoted values with any character but white space, `;` and `(`, words without a type
 * (`action=none`), and results that cannot be understood, which are left out whole: half a result could mean something else.
 * `undefined` when there is no authserv-id, or a comment or a quoted string has no end: then it cannot be told where a result ends.
 */
export function parseAuthResults(value: string): AuthResults | undefined {
  return readAll(new Lexer(value))
}

/** An ARC-Authentication-Results field, RFC 8617 §4.1.1: `i=1; ` and the rest as above. */
export function parseArcAuthResults(
  value: string,
): { readonly instance: number; readonly results: AuthResults } | undefined {
  const lexer = new Lexer(value)
  if (lexer.cfws() === undefined || lexer.word(';(=').toLowerCase() !== 'i') return undefined
  const instance = readAssigned(lexer) ?? ''
  if (!/^\d{1,2}$/.test(instance) || lexer.cfws() === undefined || !lexer.take(';')) return undefined
  const results = readAll(lexer)
  return results && { instance: Number(instance), results }
}

function readAll(lexer: Lexer): AuthResults | undefined {
  const authservId = readHead(lexer)
  if (authservId === undefined) return undefined
  const results: MethodResult[] = []
  while (lexer.take(';')) {
    const { place } = lexer
    const result = readResult(lexer)
    const isWhole = result !== undefined && (lexer.isAtEnd || lexer.peek() === ';')
    if (!isWhole) lexer.skipToSemicolon(place)
    else if (result !== 'none') results.push(result)
    if (lexer.isUnfinished) return undefined
  }
  return { authservId, results }
}

/**
 * Whether the field claims to be written by `authservId` (a pattern `*.example.com` stands for all names below) in any reading a mail
 * program might have, or cannot be read well enough to say that it does not: such a field must not come in from outside, RFC 8601 §5.
 * Names are compared without case and as A-labels.
 */
export function hasAuthservId(value: string, authservId: string): boolean {
  const id = readHead(new Lexer(value))
  if (id === undefined) return true
  const [, below = '', name = ''] = /^(\*\.)?(.*)$/s.exec(authservId) ?? []
  const fits = domainTest(`${below}${normaliseId(name)}`)
  const isOwn = (text: string): boolean => fits(normaliseId(text))
  // An id outside the grammar, such as `mx.example.com@`: whatever a lenient reader takes for the name in it.
  return isOwn(id) || id.split(NO_NAME).some((piece) => piece !== '' && isOwn(piece))
}

/** What can stand in no host name: of ASCII, all but letters, digits, hyphens, underscores and dots. */
const NO_NAME = /[^\w.\-\u0080-\uffff]+/

/** RFC 8601 §2.5: usually a domain name; other ids are compared as text. What cannot be seen does not count. */
function normaliseId(id: string): string {
  const text = id
    .replace(/[\p{Cc}\p{Cf}\s]/gu, '')
    .normalize('NFKC')
    .toLowerCase()
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

/** Undefined: it cannot be understood, or is empty. */
function readResult(lexer: Lexer): MethodResult | 'none' | undefined {
  if (lexer.cfws() === undefined) return undefined
  const method = lexer.word(';(=/.').toLowerCase()
  if (lexer.cfws() === undefined || method === '') return undefined
  if (method === 'none' && (lexer.isAtEnd || lexer.peek() === ';')) return 'none'
  // RFC 8601 §2.2: `method/version`; there is only version 1.
  if (lexer.take('/') && (lexer.cfws() === undefined || !/^\d+$/.test(lexer.word(';(=')))) return undefined
  const result = readAssigned(lexer)?.toLowerCase()
  if (result === undefined || result === '') return undefined
  return readDetails(lexer, method, result)
}

/** `[ reasonspec ] *propspec`, and the comments between. */
function readDetails(lexer: Lexer, method: string, result: string): MethodResult | undefined {
  const properties: Property[] = []
  const comments: string[] = []
  let reason: string | undefined
  for (;;) {
    const comment = lexer.cfws()
    if (comment === undefined) return undefined
    if (comment !== '') comments.push(comment)
    if (lexer.isAtEnd || lexer.peek() === ';') break
    const property = readProperty(lexer)
    if (property === undefined) return undefined
    if (property.type === '' && property.name === 'reason') reason = property.value
    else properties.push(property)
  }
  const comment = comments.join(' ')
  return {
    method,
    result,
    ...(reason === undefined ? {} : { reason }),
    ...(comment === '' ? {} : { comment }),
    properties,
  }
}

/** `ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue`, or without a type. */
function readProperty(lexer: Lexer): Property | undefined {
  const word = lexer.word(';(=.').toLowerCase()
  if (word === '' || lexer.cfws() === undefined) return undefined
  const name = lexer.take('.') ? readName(lexer) : ''
  const value = name === undefined ? undefined : readAssigned(lexer)
  if (name === undefined || value === undefined) return undefined
  return name === '' ? { type: '', name: word, value } : { type: word, name, value }
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
