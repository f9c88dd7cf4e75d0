import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import fc from 'fast-check'
import { parseHeaders } from './headers.ts'
import { formatDate, protocolKeyword, type ReceivedOptions, receivedField } from './received.ts'

const OPTIONS: ReceivedOptions = {
  helo: 'mail.example',
  remoteAddress: '192.0.2.1',
  by: 'mx.example.com',
  protocol: { base: 'ESMTP' },
  id: '01JX',
  date: 1_000_000_000_999,
}
const field = (options: Partial<ReceivedOptions>) => receivedField({ ...OPTIONS, ...options }).toString()

test('RFC 5321 §4.4: the field says from whom, by whom, how, for whom and when', () => {
  assert.equal(
    field({
      rdns: 'host.example',
      for: makeAddress('a b', 'example.com'),
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
      protocol: { base: 'ESMTP', tls: true },
    }),
    'Received: from mail.example (host.example [192.0.2.1])\r\n by mx.example.com (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n' +
      ' with ESMTPS id 01JX\r\n for <"a b"@example.com>;\r\n Sun, 09 Sep 2001 01:46:40 +0000\r\n',
  )
  assert.match(field({ remoteAddress: '2001:db8::1' }), /from mail\.example \(\[IPv6:2001:db8::1\]\)/)
  assert.match(field({ helo: '[192.0.2.1]' }), /from \[192\.0\.2\.1\] \(/)
  assert.match(field({ helo: '' }), /from unknown \(/)
})

test('RFC 3848, RFC 6531 §4.3: the protocol keyword says what was used', () => {
  const table = [
    [{ base: 'SMTP' }, 'SMTP'],
    [{ base: 'ESMTP' }, 'ESMTP'],
    [{ base: 'ESMTP', tls: true }, 'ESMTPS'],
    [{ base: 'ESMTP', auth: true }, 'ESMTPA'],
    [{ base: 'ESMTP', tls: true, auth: true }, 'ESMTPSA'],
    [{ base: 'SMTP', tls: true }, 'ESMTPS'],
    [{ base: 'LMTP', tls: true }, 'LMTPS'],
    [{ base: 'ESMTP', smtputf8: true, tls: true }, 'UTF8SMTPS'],
    [{ base: 'LMTP', smtputf8: true, auth: true }, 'UTF8LMTPA'],
  ] as const
  for (const [protocol, keyword] of table) assert.equal(protocolKeyword(protocol), keyword)
})

test('RFC 5322 §3.3: dates are in universal time, and change with the second', () => {
  assert.equal(formatDate(0), 'Thu, 01 Jan 1970 00:00:00 +0000')
  assert.equal(formatDate(999), 'Thu, 01 Jan 1970 00:00:00 +0000')
  assert.equal(formatDate(1000), 'Thu, 01 Jan 1970 00:00:01 +0000')
})

test('foreign text cannot break the field, its comment or its end', () => {
  const text = fc.string({
    unit: fc.constantFrom(
      'a',
      '(',
      ')',
      '\\',
      '"',
      '\r',
      '\n',
      '\r\n',
      ';',
      '<',
      '>',
      '\0',
      'ü',
      ' ',
      '[',
      ']',
      'x'.repeat(400),
    ),
    maxLength: 12,
  })
  fc.assert(
    fc.property(fc.tuple(text, text, text, text), ([helo, rdns, remoteAddress, recipient]) => {
      const bytes = receivedField({
        ...OPTIONS,
        helo,
        rdns,
        remoteAddress,
        for: { local: '', domain: '', isInternational: false, toString: () => recipient },
        tls: { version: helo, cipher: rdns },
      })
      const headers = parseHeaders(bytes)
      assert.equal(headers.length, 1)
      const value = headers.get('received') ?? ''
      assert.match(bytes.toString(), /^(?:[^\r\n\0]{1,998}\r\n)+$/)
      const outside = value.replace(/<[^>]*>/g, '')
      assert.match(
        outside,
        /^from [^ ()\\"<>;]+(?: \([^()\\"]*\))? by mx\.example\.com \([^()\\]*\) with ESMTP id 01JX(?: for )?; Sun, 09 Sep 2001 01:46:40 \+0000$/,
      )
    }),
  )
})

test('a client that has no address, on a UNIX socket or within, is not given an empty one', () => {
  assert.match(
    field({ remoteAddress: '' }),
    /^Received: from mail\.example\r\n by mx\.example\.com with ESMTP id 01JX;/,
  )
})
