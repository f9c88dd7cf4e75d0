import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Command, parseCommand, type SaidCommand, writeCommand, writeMacros } from './command.ts'
import { MilterError } from './errors.ts'
import { FrameReader, FrameWriter } from './frame.ts'
import { Macros } from './macros.ts'
import { COMMAND } from './word.ts'

function written(command: SaidCommand): Buffer {
  const out = new FrameWriter()
  writeCommand(out, command)
  return out.take()
}

function read(octets: Buffer): Command {
  const reader = new FrameReader()
  reader.push(octets)
  const frame = reader.next()
  assert.ok(frame)
  return parseCommand(frame)
}

const octets = (text: string) => Buffer.from(text, 'latin1')
const EMPTY = Buffer.alloc(0)

/** What is said, as on the wire without length. */
const CASES: readonly (readonly [string, string, SaidCommand])[] = [
  [
    'an offer',
    'O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff',
    { kind: 'options', version: 6, actions: 0x1ff, steps: 0x1f_ffff },
  ],
  [
    'a client over IPv4',
    'Cmail.example\x004\x30\x39192.0.2.1\0',
    { kind: 'connect', name: 'mail.example', family: 'inet', address: '192.0.2.1', port: 12_345 },
  ],
  // Trap 19: Sendmail writes IPv6 addresses so, and Postfix bare; a client without a name has its address in brackets.
  [
    'a client over IPv6, as Sendmail writes it',
    'C[IPv6:2001:db8::1]\x006\x30\x39IPv6:2001:db8::1\0',
    {
      kind: 'connect',
      name: '[IPv6:2001:db8::1]',
      family: 'inet6',
      address: 'IPv6:2001:db8::1',
      port: 12_345,
    },
  ],
  [
    'a client on a UNIX socket',
    'Clocalhost\x00L\0\0/run/x\0',
    { kind: 'connect', name: 'localhost', family: 'unix', address: '/run/x', port: 0 },
  ],
  [
    'a client nobody knows',
    'Clocalhost\x00U',
    { kind: 'connect', name: 'localhost', family: 'unknown', address: '', port: 0 },
  ],
  ['HELO', 'Hclient.example\0', { kind: 'helo', name: 'client.example' }],
  [
    'MAIL with parameters',
    'M<a@b.example>\0SIZE=10\0BODY=8BITMIME\0',
    { kind: 'mail', path: '<a@b.example>', parameters: ['SIZE=10', 'BODY=8BITMIME'] },
  ],
  // Trap 25: the null path, blanks in quotes, an argument that looks like a parameter, control octets.
  ['the null reverse-path', 'M<>\0', { kind: 'mail', path: '<>', parameters: [] }],
  [
    'a local part with a blank',
    'M<"a b SIZE=1"@example.com>\0SIZE=2\0',
    { kind: 'mail', path: '<"a b SIZE=1"@example.com>', parameters: ['SIZE=2'] },
  ],
  [
    'a path with control octets',
    'R<a\x01\x7f\r\nb@example.com>\0',
    { kind: 'rcpt', path: '<a\x01\x7f\r\nb@example.com>', parameters: [] },
  ],
  [
    'RCPT of an international address',
    `R<${Buffer.from('jürgen@bücher.example').toString('latin1')}>\0`,
    { kind: 'rcpt', path: '<jürgen@bücher.example>', parameters: [] },
  ],
  ['DATA', 'T', { kind: 'data' }],
  ['an unknown verb', 'UXYZZY now\0', { kind: 'unknown', command: 'XYZZY now' }],
  // Trap 2: folds are LF, and a value is octets.
  [
    'a field with folds and 8 bits',
    'LSubject\0 a\n\tb \xe9\0',
    { kind: 'header', name: 'Subject', value: octets(' a\n\tb \xe9') },
  ],
  ['a field without a value', 'LX-Empty\0\0', { kind: 'header', name: 'X-Empty', value: EMPTY }],
  ['the end of the header', 'N', { kind: 'endOfHeader' }],
  // Trap 21: a body may hold NUL.
  ['a piece of a body with NUL', 'Ba\0b\r\n', { kind: 'body', data: octets('a\0b\r\n') }],
  ['the end of the message', 'E', { kind: 'endOfMessage', data: EMPTY }],
  ['the end of the message with a last piece', 'Elast\r\n', { kind: 'endOfMessage', data: octets('last\r\n') }],
  ['abort', 'A', { kind: 'abort' }],
  ['quit', 'Q', { kind: 'quit' }],
  ['quit, and another session follows', 'K', { kind: 'quitSession' }],
]

for (const [name, wire, command] of CASES)
  test(`${name} is read and written`, () => {
    const frame = written(command)
    assert.equal(frame.toString('latin1', 4), wire)
    assert.equal(frame.readUInt32BE(0), wire.length)
    assert.deepEqual(plain(read(frame)), plain(command))
  })

/** Views of memory as texts: what they are views of does not count. */
function plain(command: Command): object {
  return Object.fromEntries(
    Object.entries(command).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    ]),
  )
}

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['an offer that is too short', 'O\0\0\0\x06', /an offer of 4 octets/],
  ['connect without a family', 'Chost\0', /no address family/],
  ['connect of a family that is none', 'Chost\x00X\0\x19\0', /no address family/],
  ['connect without a port', 'Chost\x004\0', /without a port/],
  ['a command that is none', '?', /there is no command "\?"/],
  ['an octet that is no letter', '\x00', /there is no command 0x00/],
]

for (const [name, wire, mistake] of WRONG)
  test(`${name} is a mistake that says so`, () => {
    assert.throws(() => parseCommand({ code: wire.charCodeAt(0), data: octets(wire.slice(1)) }), {
      name: 'MilterError',
      message: mistake,
    })
  })

test('a last text without its NUL counts', () => {
  assert.deepEqual(parseCommand({ code: COMMAND.mail, data: octets('<a@b.example>\0SIZE=1') }), {
    kind: 'mail',
    path: '<a@b.example>',
    parameters: ['SIZE=1'],
  })
  assert.deepEqual(parseCommand({ code: COMMAND.helo, data: octets('client') }), { kind: 'helo', name: 'client' })
})

test('a NUL that stands in a text does not end it for the other side: it is left out', () => {
  assert.deepEqual(read(written({ kind: 'mail', path: '<a\0@b>', parameters: ['X=\0y'] })), {
    kind: 'mail',
    path: '<a@b>',
    parameters: ['X=y'],
  })
})

test('macros are written with braces where they need them, and read without', () => {
  const out = new FrameWriter()
  writeMacros(out, COMMAND.mail, [
    ['i', '4Qx'],
    ['auth_authen', 'alice'],
    ['mail_mailer', ''],
  ])
  const frame = out.take()
  assert.equal(frame.toString('latin1', 4), 'DMi\x004Qx\0{auth_authen}\0alice\0{mail_mailer}\0\0')
  const command = read(frame)
  assert.ok(command.kind === 'macros' && command.command === COMMAND.mail)
  assert.deepEqual(
    [...command.macros.all],
    [
      ['i', '4Qx'],
      ['auth_authen', 'alice'],
      ['mail_mailer', ''],
    ],
  )
  writeMacros(out, COMMAND.helo, [])
  assert.equal(out.length, 0)
})

// Trap 10: filters that refused odd macros have lost mail.
test('macros without a name, in odd numbers, without an end, or named in braces of one letter, are read as far as they make sense', () => {
  const read = (wire: string) => [...new Macros(octets(wire)).all]
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('\0\0'), [])
  assert.deepEqual(read('\0value\0i\x001\0'), [['i', '1']])
  assert.deepEqual(read('i\x001\0{rest}\0'), [
    ['i', '1'],
    ['rest', ''],
  ])
  assert.deepEqual(read('{i}\x001\0j\0host'), [
    ['i', '1'],
    ['j', 'host'],
  ])
  assert.deepEqual(read('i\x001\0i\x002\0'), [['i', '2']])
})

// Trap 11.
test('a macro that is absent is not one that is empty', () => {
  const macros = new Macros(octets('{auth_type}\0\0'))
  assert.equal(macros.get('auth_type'), '')
  assert.equal(macros.get('auth_authen'), undefined)
})

test('macros stay what they were when the memory they came in is used again', () => {
  const arrived = octets('i\x001\0')
  const macros = new Macros(arrived)
  arrived.fill(0x78)
  assert.equal(macros.get('i'), '1')
})

test('any command is read as it was written', () => {
  const word = fc.string().map((text) => text.replaceAll('\0', ''))
  const data = fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some))
  const name = fc.stringMatching(/^[\x01-\xff]*$/)
  const value = data.map((some) => Buffer.from(some.filter((octet) => octet !== 0)))
  const command: fc.Arbitrary<SaidCommand> = fc.oneof(
    fc.record({
      kind: fc.constantFrom('mail' as const, 'rcpt' as const),
      path: word,
      parameters: fc.array(word, { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('header' as const), name, value }),
    fc.record({ kind: fc.constantFrom('body' as const, 'endOfMessage' as const), data }),
    fc.record({
      kind: fc.constant('connect' as const),
      name: word,
      family: fc.constantFrom('inet' as const, 'inet6' as const, 'unix' as const),
      address: word,
      port: fc.nat(65_535),
    }),
  )
  fc.assert(
    fc.property(command, (one) => {
      assert.deepEqual(plain(read(written(one))), plain(one))
    }),
  )
})

test('no octets make reading fail in another way than with a mistake', () => {
  const letters = fc.constantFrom(...Object.values(COMMAND), 0, 255)
  fc.assert(
    fc.property(letters, fc.uint8Array({ maxLength: 100 }), (code, data) => {
      try {
        const command = parseCommand({ code, data: Buffer.from(data) })
        if (command.kind === 'macros') assert.ok(command.macros.all.size <= data.length)
      } catch (error) {
        assert.ok(error instanceof MilterError)
      }
    }),
    { numRuns: 2_000 },
  )
})
