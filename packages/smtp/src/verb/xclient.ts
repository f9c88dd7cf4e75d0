/** XCLIENT and XFORWARD, Postfix's XCLIENT_README and XFORWARD_README: a trusted host says for whom it speaks. */

import { parseIp, UNKNOWN_ADDRESS } from '@postroad/listener'
import type { Endpoint } from '@postroad/mail'
import type { Conversation } from '../session/conversation.ts'
import { formatReply, reply } from '../wire/reply.ts'
import { decodeXtext } from './xtext.ts'

const OK = formatReply(reply(250, '2.0.0', 'Ok'))
const NOT_TRUSTED = reply(550, '5.7.0', 'Not authorised')
const IN_TRANSACTION = reply(503, '5.5.1', 'Not during a transaction')
const SYNTAX = reply(501, '5.5.4', 'Malformed attributes')

/** What XCLIENT may say beside LOGIN. */
const XCLIENT = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'DESTADDR', 'DESTPORT']
/** nginx says it by itself when its clients log in. It is offered where it is believed, and passed over elsewhere. */
const WITH_LOGIN = [...XCLIENT, 'LOGIN']
/** What XFORWARD may say. */
export const XFORWARD = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'IDENT', 'SOURCE']

const UNAVAILABLE = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i

/**
 * From here on the session is that of the client named: everything begins anew, with the banner. Who is named has no more rights than if it had connected: a front end hands on
 * what its clients say, XCLIENT too (nginx's mail proxy does).
 */
export function xclient(conversation: Conversation, argument: string) {
  if (!conversation.settings.xclient(conversation.remote.address)) return conversation.refuse('XCLIENT', NOT_TRUSTED)
  if (conversation.transaction !== undefined) return conversation.refuse('XCLIENT', IN_TRANSACTION)
  const values = parse(argument, WITH_LOGIN)
  const remote = values && clientOf(values)
  const local = values && hereOf(values, conversation.here)
  if (remote === undefined || local === undefined) return conversation.refuse('XCLIENT', SYNTAX)
  if (!conversation.countSpeech()) return
  if (!conversation.admit(remote.address))
    return conversation.refuse('XCLIENT', reply(421, '4.7.0', conversation.tooMany()))
  conversation.restart({ remote, local, login: conversation.settings.trustsLogin ? values?.get('LOGIN') : undefined })
}

/** The attributes that EHLO offers. */
export function xclientOffer({ settings }: Pick<Conversation, 'settings'>): readonly string[] {
  return settings.trustsLogin ? WITH_LOGIN : XCLIENT
}

/** For the log, and for this transaction only: nothing is decided by it. */
export function xforward(conversation: Conversation, argument: string) {
  if (!conversation.settings.xforward(conversation.remote.address)) return conversation.refuse('XFORWARD', NOT_TRUSTED)
  if (conversation.transaction !== undefined) return conversation.refuse('XFORWARD', IN_TRANSACTION)
  const values = parse(argument, XFORWARD)
  if (values === undefined) return conversation.refuse('XFORWARD', SYNTAX)
  if (!conversation.countSpeech()) return
  const known: Record<string, string> = { ...conversation.forwarded }
  for (const [key, value] of values) {
    if (value === undefined) delete known[key.toLowerCase()]
    else known[key.toLowerCase()] = value
  }
  conversation.forward(known)
  conversation.put(OK)
}

/** Attributes with their values, undefined for what is not available; undefined when something is not as it should be. */
function parse(argument: string, keys: readonly string[]): Map<string, string | undefined> | undefined {
  const values = new Map<string, string | undefined>()
  for (const part of argument.split(' ')) {
    const equals = part.indexOf('=')
    const key = part.slice(0, Math.max(equals, 0)).toUpperCase()
    const value = decodeXtext(part.slice(equals + 1))
    if (!keys.includes(key) || values.has(key) || value === undefined || value.length > 255) return undefined
    values.set(key, UNAVAILABLE.test(value) ? undefined : value)
  }
  return values
}

/**
 * The client; undefined when an attribute makes no sense. What is not available, or not said, is not known: it is never what is known of the
 * host that says so, which may be trusted with more than a stranger.
 */
function clientOf(values: ReadonlyMap<string, string | undefined>): Endpoint | undefined {
  return endpoint(values.get('ADDR') ?? UNKNOWN_ADDRESS, values.get('PORT') ?? '0')
}

/** Our end as the client saw it; as we see it where nothing is said. */
function hereOf(values: ReadonlyMap<string, string | undefined>, here: Endpoint): Endpoint | undefined {
  const address = values.has('DESTADDR') ? (values.get('DESTADDR') ?? UNKNOWN_ADDRESS) : here.address
  const port = values.has('DESTPORT') ? (values.get('DESTPORT') ?? '0') : String(here.port)
  return endpoint(address, port)
}

function endpoint(address: string, port: string): Endpoint | undefined {
  // A UNIX socket has no address.
  const isPlain = address === UNKNOWN_ADDRESS || address === ''
  const ip = isPlain ? address : parseIp(address.replace(/^IPV6:/i, ''))
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 65_536
  return ip !== undefined && number < 65_536 ? { address: ip, port: number } : undefined
}
