/** What a milter is told of client and envelope, and what it asks for in return, as addresses and parameters. */
import { type MailParameters, parseForwardPath, parseReversePath, type RcptParameters } from '@postroad/mail'
import { type Connect, MilterError } from '@postroad/milter-protocol'
import type { AddedRecipient, Address, Envelope, ReverseDns, Session } from '@postroad/plugin'

/** In angle brackets. */
export function pathOf(address: Address | undefined): string {
  return `<${address ?? ''}>`
}

/** The client, as a milter hears of it: without a name that leads back to it, its address in brackets, as Postfix has it. */
export function clientOf({ remote }: Session, reverse: ReverseDns | undefined): Connect {
  const { address, port } = remote
  if (address === '') return { name: 'localhost', family: 'unix', address: '', port: 0 }
  if (!/^[0-9a-fA-F:.]+$/.test(address)) return { name: address, family: 'unknown', address: '', port: 0 }
  const name = reverse?.result === 'pass' && reverse.name !== undefined ? reverse.name : `[${address}]`
  return { name, family: address.includes(':') ? 'inet6' : 'inet', address, port }
}

/** Parameters of MAIL as the client has said them. */
export function mailWords({ size, body, smtputf8, requireTls, ret, envid, auth }: MailParameters): string[] {
  return [
    ...(size === undefined ? [] : [`SIZE=${size}`]),
    ...(body === undefined ? [] : [`BODY=${body}`]),
    ...(smtputf8 ? ['SMTPUTF8'] : []),
    ...(requireTls ? ['REQUIRETLS'] : []),
    ...(ret === undefined ? [] : [`RET=${ret}`]),
    ...(envid === undefined ? [] : [`ENVID=${xtext(envid)}`]),
    ...(auth === undefined ? [] : [`AUTH=${auth === null ? '<>' : xtext(auth)}`]),
  ]
}

/** Parameters of RCPT as the client has said them. */
export function rcptWords({ notify, orcpt }: RcptParameters): string[] {
  return [
    ...(notify === undefined ? [] : [`NOTIFY=${notify.join(',')}`]),
    ...(orcpt === undefined ? [] : [`ORCPT=${orcpt.type};${xtext(orcpt.address)}`]),
  ]
}

/**
 * A recipient that a milter adds. Of parameters there are those that a server can pass on, RFC 3461.
 *
 * @throws {MilterError} when it is no address, or something else is asked for
 */
export function addedOf(path: string, words: readonly string[]): AddedRecipient {
  const parameters: { notify?: NonNullable<RcptParameters['notify']>; orcpt?: NonNullable<RcptParameters['orcpt']> } =
    {}
  for (const word of words) {
    const [, key = '', value = ''] = /^([^=]+)=(.+)$/.exec(word) ?? []
    const orcpt = /^([A-Za-z0-9-]+);(.+)$/.exec(value)
    const notify = value.toUpperCase().split(',')
    if (key.toUpperCase() === 'NOTIFY' && notify.every(isNotify)) parameters.notify = notify
    else if (key.toUpperCase() === 'ORCPT' && orcpt?.[1] && orcpt[2])
      parameters.orcpt = { type: orcpt[1].toLowerCase(), address: plain(orcpt[2]) }
    else throw new MilterError(`it adds a recipient with ${JSON.stringify(word.slice(0, 60))}, which cannot be`)
  }
  return { address: recipientOf(path), parameters }
}

/** @throws {MilterError} when it is no address */
export function recipientOf(path: string): Address {
  const found = parseForwardPath(path, { smtputf8: true, lenient: true })
  if (found === undefined || found.rest !== '')
    throw new MilterError(`no recipient: ${JSON.stringify(path.slice(0, 100))}`)
  return found.address
}

/**
 * The reverse-path that a milter wants, `null` for `<>`.
 *
 * @throws {MilterError} when it is none, or its parameters are not those of the message: they cannot be changed
 */
export function senderOf(
  path: string,
  words: readonly string[],
  { parameters }: Pick<Envelope, 'parameters'>,
): Address | null {
  const known = mailWords(parameters).map((word) => word.toUpperCase())
  const wrong = words.find((word) => !known.includes(word.toUpperCase()))
  if (wrong !== undefined)
    throw new MilterError(`it changes the sender with ${JSON.stringify(wrong.slice(0, 60))}, which cannot be changed`)
  if (path === '' || path === '<>') return null
  const found = parseReversePath(path, { smtputf8: true, lenient: true })
  if (found === undefined || found.rest !== '')
    throw new MilterError(`no reverse-path: ${JSON.stringify(path.slice(0, 100))}`)
  return found.address ?? null
}

function isNotify(word: string): word is 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY' {
  return word === 'NEVER' || word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY'
}

/** RFC 3461 §4. */
function xtext(text: string): string {
  return text.replace(
    /[^!-*,-<>-~\u0080-\u{10ffff}]/gu,
    (character) => `+${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

function plain(text: string): string {
  return text.replace(/\+([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
