/** The extensions of SMTP, and LMTP: what their standards ask of a server, one test a claim. */
import { claim, HELLO, READY } from './claim.ts'

const KEYWORDS = (...keywords: string[]): string[] => [
  'S: 220 *',
  'C: EHLO client.test',
  'S: 250-mx.test*',
  ...keywords.map((keyword, i) => `S: 250${i < keywords.length - 1 ? '-' : ' '}${keyword}`),
]
const MAIL = (parameters: string): string => `C: MAIL FROM:<a@client.test> ${parameters}`
const AUTH = { authWithoutTls: true, limits: { errors: 100 } }

claim('RFC 2034 §3', 'the keyword is offered, and replies have their status', [
  ...READY,
  'C: FOO',
  'S: 500 5.5.2 *',
  'C: RSET',
  'S: 250 2.0.0 *',
  'C: QUIT',
  'S: 221 2.0.0 *',
])
claim('RFC 2034 §4', 'banner, EHLO and 354 have none', [
  'S: 220 mx.test *',
  'C: EHLO',
  'S: 501 A *',
  'C: EHLO client.test',
  'S: 250-mx.test*',
  'S: 250-*',
  'S: 250 HELP',
  ...READY.slice(4),
  'C: DATA',
  'S: 354 End *',
])
claim(
  'RFC 1870 §4',
  'SIZE is offered with the limit',
  KEYWORDS('PIPELINING', 'SIZE 1234', 'ENHANCEDSTATUSCODES', '*', '*', '*', '*', '*', '*', 'HELP'),
  { limits: { size: 1234 } },
)
claim(
  'RFC 1870 §6.1',
  'a message that says it is too big is refused at MAIL',
  [...HELLO, MAIL('SIZE=1235'), 'S: 552 5.3.4 *', MAIL('SIZE=1234'), 'S: 250 *'],
  { limits: { size: 1234 } },
)
claim(
  'RFC 1870 §6.3',
  'one that is bigger than the limit, whatever it said, is refused at its end',
  [
    ...HELLO,
    MAIL('SIZE=1'),
    'S: 250 *',
    'C: RCPT TO:<b@mx.test>',
    'S: 250 *',
    'C: DATA',
    'S: 354 *',
    `C: ${'x'.repeat(60)}\\r\\n.`,
    'S: 552 5.3.4 *',
  ],
  { limits: { size: 50 } },
)
claim(
  'RFC 1870 §5',
  'stuffed dots and the end of the message do not count',
  [...READY, 'C: DATA', 'S: 354 *', 'C: ..23456789\\r\\n.', 'S: 250 *'],
  { limits: { size: 11 } },
)
claim('RFC 6152 §3', 'BODY=8BITMIME and BODY=7BIT are understood, and eight bits come through', [
  ...HELLO,
  MAIL('BODY=7BIT'),
  'S: 250 *',
  'C: RSET',
  'S: 250 *',
  MAIL('BODY=8BITMIME'),
  'S: 250 *',
  'C: RCPT TO:<b@mx.test>',
  'S: 250 *',
  'C: DATA',
  'S: 354 *',
  'C: \\xe4\\xff\\r\\n.',
  'S: 250 *',
])
claim('RFC 2920 §3.2', 'commands sent together are answered each, in order, and none is lost', [
  'S: 220 *',
  'C: EHLO client.test\\r\\nMAIL FROM:<a@client.test>\\r\\nRCPT TO:<nobody@mx.test>\\r\\nRCPT TO:<b@mx.test>\\r\\nDATA\\r\\n.\\r\\nQUIT',
  'S: 250-*',
  'S: 250 HELP',
  'S: 250 2.1.0 *',
  'S: 550 5.1.1 *',
  'S: 250 2.1.5 *',
  'S: 354 *',
  'S: 250 2.* taken*',
  'S: 221 *',
])
claim('RFC 2920 §3.2', 'DATA with no recipient taken does not take what follows for a message', [
  ...HELLO,
  'C: MAIL FROM:<>\\r\\nRCPT TO:<nobody@mx.test>\\r\\nDATA\\r\\nRSET',
  'S: 250 *',
  'S: 550 *',
  'S: 554 5.5.1 *',
  'S: 250 2.0.0 *',
])
claim('RFC 3030 §2', 'BDAT makes a message of chunks; the size says where each ends', [
  ...READY,
  'C! BDAT 6\\r\\n.\\r\\n\\r\\n.BDAT 2 LAST\\r\\n\\r\\n',
  'S: 250 2.0.0 *',
  'S: 250 2.* taken*',
])
claim('RFC 3030 §2', 'BDAT and DATA are not mixed', [
  ...READY,
  'C! BDAT 0\\r\\n',
  'S: 250 *',
  'C: DATA',
  'S: 503 5.5.1 *',
])
claim('RFC 3030 §2', 'BDAT behind the last chunk is 503', [
  ...READY,
  'C! BDAT 0 LAST\\r\\n',
  'S: 250 *',
  'C! BDAT 2 LAST\\r\\nab',
  'S: 503 5.5.1 *',
  'C: NOOP',
  'S: 250 *',
])
claim('RFC 3030 §2', 'RSET throws the chunks away', [
  ...READY,
  'C! BDAT 2\\r\\nab',
  'S: 250 *',
  'C: RSET',
  'S: 250 *',
  'C! BDAT 0 LAST\\r\\n',
  'S: 503 5.5.1 *',
])
claim('RFC 3030 §3', 'BINARYMIME is not for DATA', [
  ...HELLO,
  MAIL('BODY=BINARYMIME'),
  'S: 250 *',
  'C: RCPT TO:<b@mx.test>',
  'S: 250 *',
  'C: DATA',
  'S: 503 5.5.1 *',
  'C! BDAT 3 LAST\\r\\n\\n\\0\\r',
  'S: 250 *',
])
claim('RFC 3461 §4.1', 'NOTIFY is NEVER alone, or a list', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test> NOTIFY=NEVER,DELAY',
  'S: 501 *',
  'C: RCPT TO:<b@mx.test> NOTIFY=DELAY,success',
  'S: 250 *',
])
claim('RFC 3461 §4.2', 'ORCPT has a type, and its address is xtext of at most 500 characters', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test> ORCPT=b@mx.test',
  'S: 501 *',
  `C: RCPT TO:<b@mx.test> ORCPT=rfc822;${'x'.repeat(500)}`,
  'S: 501 *',
  'C: RCPT TO:<b@mx.test> ORCPT=rfc822;b+2Bc@mx.test',
  'S: 250 *',
])
claim('RFC 3461 §4.3', 'RET is FULL or HDRS', [...HELLO, MAIL('RET=SOME'), 'S: 501 *', MAIL('RET=full'), 'S: 250 *'])
claim('RFC 3461 §4.4', 'ENVID is xtext of at most 100 characters, printable when decoded', [
  ...HELLO,
  MAIL(`ENVID=${'x'.repeat(101)}`),
  'S: 501 *',
  MAIL('ENVID=a+0Ab'),
  'S: 501 *',
  MAIL('ENVID=a+2Bb'),
  'S: 250 *',
])
claim('RFC 3461 §4', 'a parameter given twice is 501', [
  ...HELLO,
  MAIL('RET=FULL RET=HDRS'),
  'S: 501 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test> NOTIFY=NEVER NOTIFY=NEVER',
  'S: 501 *',
])
claim('RFC 6531 §3.4', 'SMTPUTF8 has no value', [
  ...HELLO,
  MAIL('SMTPUTF8=1'),
  'S: 501 *',
  MAIL('SMTPUTF8'),
  'S: 250 *',
])
claim('RFC 6531 §3.3', 'local parts and domains beyond ASCII are taken with SMTPUTF8', [
  ...HELLO,
  'C: MAIL FROM:<\\xc3\\xa4@\\xc3\\xb6.test> SMTPUTF8',
  'S: 250 *',
  'C: RCPT TO:<\\xe7\\x94\\xa8@mx.test>',
  'S: 250 *',
])
claim('RFC 6531 §3.5', 'without it they are 553 5.6.7', [
  ...HELLO,
  'C: MAIL FROM:<\\xc3\\xa4@client.test>',
  'S: 553 5.6.7 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<\\xc3\\xa4@mx.test>',
  'S: 553 5.6.7 *',
])
claim('RFC 6531 §3.1', 'what is not UTF-8 is no address', [
  ...HELLO,
  'C: MAIL FROM:<\\xc3@client.test> SMTPUTF8',
  'S: 501 *',
])
claim(
  'RFC 4954 §4',
  'AUTH before EHLO, twice, and within a transaction is 503',
  [
    'S: 220 *',
    'C: AUTH PLAIN',
    'S: 503 *',
    ...READY.slice(1),
    'C: AUTH PLAIN',
    'S: 503 *',
    'C: RSET',
    'S: 250 *',
    'C: AUTH PLAIN AGEAc2VjcmV0',
    'S: 235 2.7.0 *',
    'C: AUTH PLAIN AGEAc2VjcmV0',
    'S: 503 *',
  ],
  AUTH,
)
claim('RFC 4954 §4', 'a mechanism that is not there is 504', [...HELLO, 'C: AUTH GSSAPI', 'S: 504 5.5.4 *'], AUTH)
claim(
  'RFC 4954 §4',
  'without an initial response there is an empty challenge',
  [...HELLO, 'C: AUTH PLAIN', 'S: 334*', 'C: AGEAc2VjcmV0', 'S: 235 *'],
  AUTH,
)
claim(
  'RFC 4954 §4',
  'an asterisk cancels: 501',
  [...HELLO, 'C: AUTH PLAIN', 'S: 334*', 'C: *', 'S: 501 *', 'C: NOOP', 'S: 250 *'],
  AUTH,
)
claim(
  'RFC 4954 §4',
  'what is not base64 is 501',
  [...HELLO, 'C: AUTH PLAIN A', 'S: 501 5.5.2 *', 'C: AUTH PLAIN', 'S: 334*', 'C: AG EA', 'S: 501 5.5.2 *'],
  AUTH,
)
claim(
  'RFC 4954 §4',
  'a line of 12,288 octets is read, and one too long is 500 5.5.6',
  [
    ...HELLO,
    `C: AUTH PLAIN ${'A'.repeat(12_272)}`,
    'S: 501 *',
    'C: AUTH PLAIN',
    'S: 334*',
    `C: ${'A'.repeat(20_000)}`,
    'S: 500 5.5.6 *',
  ],
  AUTH,
)
claim('RFC 4954 §4', 'passwords are not asked for in the clear: not offered, and 538', [
  'S: 220 *',
  'C: EHLO client.test',
  'S: 250-*',
  'S: 250 HELP',
  'C: AUTH PLAIN',
  'S: 538 5.7.11 *',
])
claim(
  'RFC 4954 §5',
  'AUTH= is a parameter of MAIL where AUTH is offered',
  [...HELLO, MAIL('AUTH=<>'), 'S: 250 *', 'C: RSET', 'S: 250 *', MAIL('AUTH=e+3Dmc2@example.com'), 'S: 250 *'],
  AUTH,
)
claim(
  'RFC 4954 §6',
  'wrong credentials are 535 5.7.8, and MAIL before AUTH is 530',
  [...HELLO, 'C: AUTH PLAIN AGEAd3Jvbmc=', 'S: 535 5.7.8 *', 'C: MAIL FROM:<>', 'S: 530 5.7.0 *'],
  { ...AUTH, auth: 'required' },
)
claim('RFC 8689 §2', 'REQUIRETLS is not offered without TLS, and refused', [
  ...HELLO,
  MAIL('REQUIRETLS'),
  'S: 530 5.7.10 *',
])
claim(
  'RFC 9422 §3',
  'LIMITS says what is enforced: MAILMAX and RCPTMAX',
  [
    ...KEYWORDS(
      'PIPELINING',
      'SIZE *',
      'ENHANCEDSTATUSCODES',
      '8BITMIME',
      'CHUNKING',
      'BINARYMIME',
      'SMTPUTF8',
      'DSN',
    ).slice(0, -1),
    'S: 250-DSN',
    'S: 250-LIMITS MAILMAX=7 RCPTMAX=5',
    'S: 250-*',
    'S: 250 HELP',
  ],
  { limits: { transactions: 7, recipients: 5 } },
)
claim('RFC 3207 §4', 'STARTTLS has no argument, and without a certificate there is none', [
  ...HELLO,
  'C: STARTTLS x',
  'S: 501 *',
  'C: STARTTLS',
  'S: 502 *',
])

const LHLO = ['S: 220 *', 'C: LHLO client.test', 'S: 250-*', 'S: 250 HELP']
const LMTP = { protocol: 'lmtp' } as const

claim(
  'RFC 2033 §4.1',
  'LMTP begins with LHLO; HELO and EHLO are refused',
  [
    'S: 220 mx.test LMTP*',
    'C: EHLO client.test',
    'S: 500 5.5.1 *',
    'C: HELO client.test',
    'S: 500 5.5.1 *',
    ...LHLO.slice(1),
  ],
  LMTP,
)
claim(
  'RFC 2033 §4.2',
  'DATA without a recipient that was taken is 503',
  [...LHLO, 'C: MAIL FROM:<>', 'S: 250 *', 'C: RCPT TO:<nobody@mx.test>', 'S: 550 *', 'C: DATA', 'S: 503 *'],
  LMTP,
)
claim(
  'RFC 2033 §4.2',
  'after the message there is one reply for each recipient taken, in order',
  [
    ...LHLO,
    'C: MAIL FROM:<>',
    'S: 250 *',
    'C: RCPT TO:<b@mx.test>',
    'S: 250 *',
    'C: RCPT TO:<nobody@mx.test>',
    'S: 550 *',
    'C: RCPT TO:<a@mx.test>',
    'S: 250 *',
    'C: DATA',
    'S: 354 *',
    'C: Subject: half\\r\\n\\r\\n.',
    'S: 550 5.7.1 *',
    'S: 250 2.* taken*',
    'C: NOOP',
    'S: 250 2.0.0 Ok',
  ],
  LMTP,
)
claim(
  'RFC 2033 §4.2',
  'a message that is refused as a whole is refused for each',
  [
    ...LHLO,
    'C: MAIL FROM:<>\\r\\nRCPT TO:<b@mx.test>\\r\\nRCPT TO:<c@mx.test>\\r\\nDATA',
    'S: 250 *',
    'S: 250 *',
    'S: 250 *',
    'S: 354 *',
    'C: a\\nb\\r\\n.',
    'S: 550 5.6.11 *',
    'S: 550 5.6.11 *',
    'C: NOOP',
    'S: 250 2.0.0 Ok',
  ],
  LMTP,
)
claim(
  'RFC 2033 §5',
  'PIPELINING and ENHANCEDSTATUSCODES are offered',
  [
    'S: 220 *',
    'C: LHLO client.test',
    'S: 250-mx.test*',
    'S: 250-PIPELINING',
    'S: 250-SIZE *',
    'S: 250-ENHANCEDSTATUSCODES',
  ],
  LMTP,
)
