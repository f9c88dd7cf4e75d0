/** From a command line to what the verb means, RFC 5321 §4.1.1. */
import type { Conversation } from '../session/conversation.ts'
import type { Maybe, WireReply } from '../stages.ts'
import { formatReply, last, reply } from '../wire/reply.ts'
import { decodeUtf8 } from '../wire/utf8.ts'
import { auth } from './auth.ts'
import { bdat } from './bdat.ts'
import { data } from './data.ts'
import { hello } from './hello.ts'
import { mail, tooEarly } from './mail.ts'
import { rcpt } from './rcpt.ts'
import { startTls } from './starttls.ts'
import { xclient, xforward } from './xclient.ts'

const OK = formatReply(reply(250, '2.0.0', 'Ok'))
const BYE = formatReply(reply(221, '2.0.0', 'Bye'))
const SYNTAX = reply(500, '5.5.2', 'Syntax error, command not recognised')
const LINE_END = reply(500, '5.5.2', 'A command ends with CRLF and has no control characters in it')
const TOO_LONG = reply(500, '5.5.2', 'Command line is too long')
const ARGUMENT = reply(501, '5.5.4', 'No argument expected')
const OBSOLETE = reply(502, '5.5.1', 'Command not implemented')
const WEB = reply(421, '4.7.0', 'This is not a web server')

/** RFC 2920 §3.1: pipelining has to be offered first, and nobody may send a message before 354. */
const PIPELINED = last(reply(503, '5.5.0', 'Wait for the reply to this'))
const ALONE = new Set(['HELO', 'EHLO', 'LHLO', 'DATA'])

/** One verb: does what it means, or refuses. `argument` is what follows it, without spaces around. */
type Verb = (conversation: Conversation, argument: string, name: string) => void

const COMMANDS = new Map<string, Verb>([
  ['HELO', hello],
  ['EHLO', hello],
  ['LHLO', hello],
  ['MAIL', mail],
  ['RCPT', rcpt],
  ['DATA', data],
  ['BDAT', bdat],
  ['RSET', rset],
  ['NOOP', noop],
  ['QUIT', quit],
  ['STARTTLS', startTls],
  ['AUTH', auth],
  [
    'VRFY',
    (conversation, argument) =>
      ask(conversation, () => tooEarly(conversation) ?? conversation.stages.verify(readable(argument))),
  ],
  [
    'EXPN',
    (conversation, argument) =>
      ask(conversation, () => tooEarly(conversation) ?? conversation.stages.expand(readable(argument))),
  ],
  ['HELP', (conversation, argument) => ask(conversation, () => conversation.stages.help(readable(argument)))],
  ['XCLIENT', xclient],
  ['XFORWARD', xforward],
  // RFC 5321 §F.6, §F.1: not to be implemented.
  ['TURN', obsolete],
  ['SEND', obsolete],
  ['SOML', obsolete],
  ['SAML', obsolete],
])

/** One line that is a command. `strict` is false when it ended in a bare LF, or has a CR or a NUL in it. */
export function dispatch(conversation: Conversation, line: string, strict: boolean) {
  const space = line.indexOf(' ')
  const name = (space < 0 ? line : line.slice(0, space)).toUpperCase()
  if (!strict && !(conversation.settings.normalise && !/[\r\0]/.test(line))) return conversation.refuse(name, LINE_END)
  const { commandLine } = conversation.settings.limits
  if (line.length + 2 > commandLine && name !== 'AUTH') return conversation.refuse(name, TOO_LONG)
  const verb = COMMANDS.get(name)
  // RFC 5321 §4.1.1: white space before the CRLF is tolerated.
  const argument = space < 0 ? '' : trimmed(line, space + 1)
  if (conversation.settings.strictPipelining && conversation.input.hasPending && ALONE.has(name))
    conversation.say(PIPELINED)
  else if (verb !== undefined) verb(conversation, argument, name)
  else unknown(conversation, name, argument)
}

/** Without spaces and tabs at either end; other white space is none here, and half a character in UTF-8. */
function trimmed(line: string, from: number) {
  let [start, end] = [from, line.length]
  while (start < end && isBlank(line.charCodeAt(start))) start++
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--
  return line.slice(start, end)
}

function isBlank(code: number) {
  return code === 0x20 || code === 0x09
}

function unknown(conversation: Conversation, name: string, argument: string) {
  if (argument.includes('HTTP/') && /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT|PATCH)$/.test(name)) {
    conversation.stages.refused(name, WEB)
    return conversation.say(WEB)
  }
  if (!/^[A-Z][A-Z0-9-]{0,31}$/.test(name)) return conversation.refuse(name, SYNTAX)
  conversation.answer(conversation.stages.unknown(name, readable(argument)), unknownAnswered, undefined)
}

function unknownAnswered(conversation: Conversation, answer: WireReply) {
  if (answer.code >= 500) conversation.countError(answer)
  else if (conversation.countNoop()) conversation.say(answer)
}

function ask(conversation: Conversation, question: () => Maybe<WireReply>) {
  if (conversation.countNoop()) conversation.answer(question(), say, undefined)
}

/** As text if it is UTF-8, else one character an octet: what it means is for the stages to say. */
function readable(argument: string) {
  return decodeUtf8(argument) ?? argument
}

function say(conversation: Conversation, answer: WireReply) {
  conversation.say(answer)
}

/** RFC 5321 §4.1.1.5: 250 whatever there was; 501 with an argument. */
function rset(conversation: Conversation, argument: string) {
  if (argument !== '') return conversation.refuse('RSET', ARGUMENT)
  if (!conversation.countNoop()) return
  conversation.abandon()
  conversation.put(OK)
}

/** RFC 5321 §4.1.1.9: an argument is passed over. */
function noop(conversation: Conversation) {
  if (conversation.countNoop()) conversation.put(OK)
}

/** RFC 5321 §4.1.1.10. */
function quit(conversation: Conversation, argument: string) {
  if (argument !== '') return conversation.refuse('QUIT', ARGUMENT)
  conversation.put(BYE)
  conversation.hangUp('quit')
}

function obsolete(conversation: Conversation, _argument: string, name: string) {
  conversation.refuse(name, OBSOLETE)
}
