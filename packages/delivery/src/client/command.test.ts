import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '@postroad/mail'
import { encodeXtext, mailCommand, rcptCommand } from './command.ts'
import { parseExtensions } from './extensions.ts'

const ALL = parseExtensions([
  'SIZE 1000',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'REQUIRETLS',
  'AUTH PLAIN LOGIN',
  'LIMITS RCPTMAX=5 MAILMAX=7',
])
const NONE = parseExtensions([])
const from = parseAddress('a@from.test')

test('EHLO keywords are read in any case, with their values', () => {
  assert.deepEqual(parseExtensions(['size', 'AUTH=LOGIN', 'auth PLAIN', 'limits rcptmax=0', 'X-Y']), {
    ...NONE,
    size: 0,
    auth: new Set(['LOGIN', 'PLAIN']),
  })
  assert.equal(ALL.size, 1000)
  assert.equal(ALL.maxRecipients, 5)
  assert.equal(ALL.maxTransactions, 7)
})

test('MAIL has the parameters that the server offers, and no others', () => {
  const parameters = {
    body: '8BITMIME',
    smtputf8: true,
    requireTls: true,
    ret: 'HDRS',
    envid: 'a+b c',
    auth: null,
  } as const
  assert.equal(
    mailCommand(from, parameters, { extensions: NONE, isAuthenticated: true }, 12),
    'MAIL FROM:<a@from.test> AUTH=<>',
  )
  assert.equal(
    mailCommand(from, parameters, { extensions: ALL, isAuthenticated: false }, 12),
    'MAIL FROM:<a@from.test> SIZE=12 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=a+2Bb+20c',
  )
  assert.equal(mailCommand(undefined, {}, { extensions: ALL, isAuthenticated: false }, undefined), 'MAIL FROM:<>')
})

test('RFC 3461 §4.1, §4.2: NOTIFY and ORCPT go with the recipient they belong to', () => {
  const to = parseAddress('b@to.test')
  assert.ok(to)
  const parameters = { notify: ['SUCCESS', 'DELAY'], orcpt: { type: 'rfc822', address: 'B+x@to.test' } } as const
  assert.equal(rcptCommand(to, parameters, ALL), 'RCPT TO:<b@to.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B+2Bx@to.test')
  assert.equal(rcptCommand(to, parameters, NONE), 'RCPT TO:<b@to.test>')
  assert.equal(
    rcptCommand(to, { orcpt: { type: 'utf-8', address: 'gar\u00e7on+\u{1f600}@x' } }, ALL),
    'RCPT TO:<b@to.test> ORCPT=utf-8;gar\\x{E7}on\\x{2B}\\x{1F600}@x',
  )
})

test('RFC 3461 §4: xtext hides everything that could end a parameter or a command', () => {
  assert.equal(encodeXtext('a\r\nRCPT TO:<x>'), 'a+0D+0ARCPT+20TO:<x>')
  assert.equal(encodeXtext('=+'), '+3D+2B')
  assert.equal(encodeXtext('\u00e9'), '+C3+A9')
})
