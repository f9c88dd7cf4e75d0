/** The options of the server and of all plugins: amounts and patterns have one grammar, wherever they stand. Found by what the schemas say of themselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { globalRegistry, type z } from 'zod'
import { loadSchemas } from '../docs/factory.ts'
import { describeServerOption, SERVER_OPTIONS } from '../docs/server-option.ts'

/** A schema somewhere in the options of the server or a plugin. */
interface Place {
  /** `greylist.delay`, `routing.tables[].cache`, `listen.limits.size`. */
  readonly name: string
  readonly schema: z.ZodType
  readonly grammar: string | undefined
  readonly description: string
}

/** The parts of zod's definitions that have something within. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  readonly options?: readonly z.ZodType[]
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  readonly keyType?: z.ZodType
  readonly valueType?: z.ZodType
}

/** What is said of a schema that stands at a place. */
type Describe = (schema: z.ZodType, name: string) => string

const ofPlugins = (await loadSchemas()).flatMap(({ title, schema }) => [...walk(title, schema)])
const ofServer = SERVER_OPTIONS.flatMap((table) => [
  ...walk(table.name, table.schema, (_, name) => describeServerOption(table, name)),
])
const places = [...ofServer, ...ofPlugins]
const of = (grammar: string) => places.filter((place) => place.grammar === grammar)

const DURATIONS: readonly (readonly [text: string, ms: number])[] = [
  ['5 d', 432_000_000],
  ['5d', 432_000_000],
  ['5 days', 432_000_000],
  ['120h', 432_000_000],
  ['7200 min', 432_000_000],
  ['7200m', 432_000_000],
  ['432000s', 432_000_000],
  ['432000000 ms', 432_000_000],
]
/** For what has a limit below days. */
const SHORT_DURATIONS: typeof DURATIONS = [
  ['20 s', 20_000],
  ['20s', 20_000],
  ['20 seconds', 20_000],
  ['20000 ms', 20_000],
]
const SIZES: readonly (readonly [text: string, octets: number])[] = [
  ['8 MiB', 8_388_608],
  ['8MiB', 8_388_608],
  ['8192 KiB', 8_388_608],
  ['8388608 B', 8_388_608],
]

for (const { name, schema } of of('duration'))
  test(`${name} takes every duration, and numbers as it counts`, () => {
    const table = schema.safeParse('5 d').success ? DURATIONS : SHORT_DURATIONS
    const [[longest, ms] = ['', 0]] = table
    const first = parsed(schema, longest) as number
    for (const [text] of table) assert.equal(parsed(schema, text), first, text)
    const unit = ms / first
    assert.ok([1, 86_400_000].includes(unit), `it counts in ${unit} ms`)
    assert.equal(parsed(schema, first), first)
    assert.equal(parsed(schema, String(first)), first)
    for (const wrong of ['', 'soon', '5 years', '-5 d', -1, true, null])
      assert.match(refused(schema, wrong), /such as "90 s"|^Too small/, JSON.stringify(wrong))
  })

for (const { name, schema } of of('size'))
  test(`${name} takes every size, and numbers as it counts`, () => {
    const first = parsed(schema, '8 MiB') as number
    for (const [text] of SIZES) assert.equal(parsed(schema, text), first, text)
    assert.ok([1, 1_048_576].includes(8_388_608 / first), `8 MiB are ${first}`)
    assert.equal(parsed(schema, first), first)
    for (const wrong of ['', 'big', '8 apples', -1, true])
      assert.match(refused(schema, wrong), /such as "64 KiB"|^Too small/)
  })

for (const { name, schema, grammar = '' } of places.filter(({ grammar = '' }) => grammar.includes('network')))
  test(`${name} takes addresses and networks`, () => {
    for (const text of ['192.0.2.7', '192.0.2.0/24', '2001:db8::1', '2001:db8::/32', '0.0.0.0/0'])
      assert.equal(parsed(schema, text), text)
    // Listeners have always taken the short forms of inet_aton(3) too, and clients without an address.
    const forListeners = ['10/8', 'unix']
    const isForListeners = grammar.includes('unix')
    for (const text of isForListeners ? forListeners : []) assert.equal(parsed(schema, text), text)
    for (const wrong of [
      '',
      '192.0.2.0/33',
      '::/129',
      '192.0.2.0/',
      'mx test',
      ...(isForListeners ? [] : forListeners),
    ])
      assert.match(refused(schema, wrong), /192\.0\.2\.0\/24|prefix is too long/)
  })

for (const { name, schema } of places.filter(({ grammar = '' }) => grammar.includes('domain pattern')))
  test(`${name} takes domain patterns`, () => {
    // Who is trusted cannot be everybody.
    for (const text of [
      'example.com',
      'Example.COM',
      'bücher.example',
      '*.example.com',
      '.example.com',
      'mx*.example.com',
      '*',
    ])
      if (text === '*' && name.includes('.trust[]')) assert.match(refused(schema, text), /"\*\.example\.\w+"/)
      else assert.equal(parsed(schema, text), text)
    for (const wrong of ['', 'not a domain', 'a@example.com', 'example..com'])
      assert.match(refused(schema, wrong), /example\.com/)
  })

for (const { name, schema } of of('address pattern'))
  test(`${name} takes address patterns`, () => {
    for (const text of [
      '<>',
      'user@example.com',
      '*-list@example.com',
      'example.com',
      '@example.com',
      '*.example.com',
      'user@',
      '*',
    ])
      assert.equal(parsed(schema, text), text)
    for (const wrong of ['not an address', 'user@not a domain']) assert.match(refused(schema, wrong), /example\.com/)
  })

for (const { name, schema } of of('domain pattern, address or path'))
  test(`${name} takes hosts by address and path, too`, () => {
    for (const text of ['192.0.2.7', '2001:db8::7', '[2001:db8::7]', '/run/mda.sock', 'maildir', '*'])
      assert.equal(parsed(schema, text), text)
  })

for (const { name, schema } of of('glob'))
  test(`${name} takes globs of any text`, () => {
    for (const text of ['*', 'virus *', 'spam?', '10 points']) assert.equal(parsed(schema, text), text)
    assert.match(refused(schema, ''), /must not be empty/)
  })

test('the options of the server are all here, those that are amounts with their grammar', () => {
  const amounts = ofServer.filter(({ grammar }) => grammar === 'duration' || grammar === 'size').map(({ name }) => name)
  assert.deepEqual(amounts.sort(), [
    'listen-http.limits.headerTimeoutMs',
    'listen-http.limits.idleTimeoutMs',
    'listen-http.limits.requestTimeoutMs',
    'listen-milter.limits.frameTimeoutMs',
    'listen-milter.limits.idleTimeoutMs',
    'listen-milter.limits.size',
    'listen-milter.progressMs',
    'listen-policy.limits.idleTimeoutMs',
    'listen-policy.limits.instanceTimeoutMs',
    'listen-policy.limits.requestTimeoutMs',
    'listen.greeting.waitMs',
    'listen.limits.authLine',
    'listen.limits.commandLine',
    'listen.limits.commandTimeoutMs',
    'listen.limits.dataGraceMs',
    'listen.limits.errorDelayMs',
    'listen.limits.handshakeTimeoutMs',
    'listen.limits.line',
    'listen.limits.minDataRate',
    'listen.limits.sessionTimeoutMs',
    'listen.limits.size',
    'listen.stress.disk.freeBytes',
    'listen.stress.loopDelayMs',
    'server.dns.timeoutMs',
    'server.grace',
    'server.memory',
    'use.timeout',
  ])
  const silent = ofServer.filter(({ name, description }) => description === '' && !/\[\]|\.disk\./.test(name))
  assert.deepEqual(
    silent.map(({ name }) => name),
    [],
  )
})

test('there are options of each grammar', () => {
  const found = ['duration', 'size', 'network', 'domain pattern', 'address pattern'].map(
    (grammar) => of(grammar).length,
  )
  assert.ok(
    found.every((count) => count > 3),
    found.join(),
  )
})

test('an option that speaks of milliseconds, octets, networks or patterns has the grammar of that', () => {
  const speaks =
    /^(?:Networks?|Address(?:es and networks| patterns?)|Domain patterns?|Milliseconds|Octets|How long|Waits?)\b/
  const wrong = places.filter(({ schema, description }) => speaks.test(description) && !hasGrammar(schema))
  assert.deepEqual(
    wrong.map(({ name, description }) => `${name}: ${description}`),
    [],
  )
})

function hasGrammar(schema: z.ZodType): boolean {
  return [...walk('', schema)].some(({ grammar }) => grammar !== undefined)
}

function* walk(
  name: string,
  schema: z.ZodType,
  describe: Describe = (one) => globalRegistry.get(one)?.description ?? '',
): Generator<Place> {
  const { grammar } = globalRegistry.get(schema) ?? {}
  const description = describe(schema, name)
  if (grammar !== undefined || description !== '')
    yield { name, schema, grammar: grammar as string | undefined, description } // nobody else writes it
  if (grammar !== undefined) return
  const { type, shape = {}, element, options = [], innerType, in: input, keyType, valueType } = schema.def as Definition // every schema has one
  for (const [key, inner] of Object.entries(shape)) yield* walk(`${name}.${key}`, inner, describe)
  if (element) yield* walk(`${name}[]`, element, describe)
  for (const option of options) yield* walk(name, option, describe)
  if (innerType) yield* walk(name, innerType, describe)
  if (input && type === 'pipe') yield* walk(name, input, describe)
  if (keyType) yield* walk(`${name}{}`, keyType, describe)
  if (valueType) yield* walk(`${name}.*`, valueType, describe)
}

function parsed(schema: z.ZodType, value: unknown): unknown {
  const { data, error } = schema.safeParse(value)
  assert.equal(error?.message, undefined, JSON.stringify(value))
  return data
}

/** What is said of a value that is wrong. */
function refused(schema: z.ZodType, value: unknown): string {
  const { error } = schema.safeParse(value)
  assert.ok(error, `${JSON.stringify(value)} is taken`)
  return error.issues.map(({ message }) => message).join('; ')
}
