import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import { definePlugin } from '@postroad/plugin'
import { mail, pluginContract, session, testPlugin } from '@postroad/testing'
import { rspamd } from './index.ts'

/** What a daemon was asked: the fields in their order, and the message. */
interface Request {
  readonly path: string
  readonly fields: readonly string[]
  readonly body: Buffer
}

async function listening(handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1').unref()
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}` // as: it listens on a port
}

async function requestOf(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return { path: request.url ?? '', fields: request.rawHeaders, body: Buffer.concat(chunks) }
}

type Answer = object | ((request: Request, response: ServerResponse) => void)

/** Answers as the message asks for, by the `X-Answer` of its header section. The faults that a real one does not have when one wants them. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  reject: { action: 'reject', score: 15, required_score: 15, symbols: { GTUBE: { score: 0 } } },
  greylist: { action: 'greylist', score: 4.5 },
  soft: { action: 'soft reject', score: 0, messages: { smtp_message: 'Ratelimit' } },
  score: { action: 'add header', score: 7.25, required_score: 15, symbols: { A: { score: 7.25 }, B: { score: 0 } } },
  mark: {
    action: 'add header',
    score: 7,
    milter: { add_headers: { 'X-Spam-Score': '7' }, remove_headers: { 'X-Spam': 0 } },
  },
  odd: { action: 'a rule of mine', score: 1 },
  broken: (_, response) => void response.end('{"action":'),
  fault: (_, response) => void response.writeHead(503).end('{"error":"Decompression error"}'),
  large: (_, response) => void response.writeHead(413).end(),
  cut: (_, response) => void response.destroy(),
  half: (_, response) => {
    response.writeHead(200, { 'Content-Length': 1_000 })
    response.write('{"action":"no action","score":0}')
    setTimeout(() => response.destroy(), 10)
  },
  endless: (_, response) => {
    response.writeHead(200)
    const chunk = Buffer.alloc(1_048_576, 'x')
    const more = (): void => void (response.destroyed || response.write(chunk, () => setImmediate(more)))
    more()
  },
  body: (request, response) => {
    const json = JSON.stringify({ action: 'no action', score: 0 })
    response.writeHead(200, { 'Message-Offset': json.length }).end(`${json}${request.body.length > 0 ? 'new\r\n' : ''}`)
  },
  offset: (_, response) =>
    void response.writeHead(200, { 'Message-Offset': 99_999 }).end('{"action":"no action","score":0}'),
}
const CLEAN = { action: 'no action', score: 0.1, required_score: 15 }

const requests: Request[] = []
const at = await listening(async (incoming, response) => {
  const request = await requestOf(incoming)
  requests.push(request)
  const text = request.body.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))
    ? zstdDecompressSync(request.body)
    : request.body
  const [, name = ''] = /^X-Answer: (\w+)/im.exec(text.toString('latin1')) ?? []
  const answer = ANSWERS[name] ?? CLEAN
  if (typeof answer === 'function') return answer(request, response)
  const json = Buffer.from(JSON.stringify(answer))
  const isPacked = request.fields.includes('Compression')
  response.writeHead(200, isPacked ? { Compression: 'zstd' } : {}).end(isPacked ? zstdCompressSync(json) : json)
})

/** Nobody listens there. */
const DEAD = '127.0.0.1:9'

const asks = (name: string, more: Readonly<Record<string, string>> = {}) => ({
  'X-Answer': name,
  From: 'a@client.test',
  ...more,
})

testPlugin(
  rspamd,
  [
    {
      name: 'what rspamd rejects is refused, in its words or ours',
      data: asks('reject'),
      expect: { refused: '5.7.1', at: 'message', text: /This message was found to be spam/ },
    },
    {
      name: 'a good message is taken',
      data: asks('clean'),
      expect: { accepted: true, points: 0, headers: { 'X-Spam': undefined } },
    },
    { name: 'a soft reject defers', data: asks('soft'), expect: { refused: '4.7.1', text: /Ratelimit/ } },
    {
      name: 'what is to be greylisted has to wait',
      data: asks('greylist'),
      expect: { refused: '4.7.1', text: /Greylisted/ },
    },
    {
      name: 'and is taken when it comes again, for rspamd itself remembers nothing without Redis',
      earlier: [{ data: asks('greylist') }],
      wait: 300_000,
      data: asks('greylist'),
      expect: 'accepted',
    },
    {
      name: 'not before its time',
      earlier: [{ data: asks('greylist') }],
      wait: 299_999,
      data: asks('greylist'),
      expect: '4.7.1',
    },
    {
      name: 'what is to be marked is marked; what a sender wrote in the name of a scanner goes',
      data: asks('mark', { 'X-Spam': 'No', 'X-Spam-Status': 'No', 'X-Rspamd-Score': '-9' }),
      expect: {
        accepted: true,
        headers: { 'X-Spam': 'Yes', 'X-Spam-Score': '7', 'X-Spam-Status': undefined, 'X-Rspamd-Score': undefined },
      },
    },
    {
      name: 'with trust: "score" the score is points, and nothing is marked',
      options: { at, trust: 'score', weight: 2 },
      data: asks('score'),
      expect: { accepted: true, points: 14.5, headers: { 'X-Spam': undefined } },
    },
    {
      name: 'a symbol may be worth something by itself',
      options: { at, symbols: { A: 'quarantine' } },
      data: asks('score'),
      expect: { quarantined: /^rspamd: A$/ },
    },
    {
      name: 'another body takes the place of the old one',
      data: mail({ 'X-Answer': 'body' }, 'old\n'),
      expect: { delivered: ({ bytes }) => assert.match(Buffer.from(bytes).toString(), /\r\n\r\nnew\r\n$/) },
    },
    ...(['broken', 'fault', 'cut', 'half', 'endless', 'offset', 'odd'] as const).map((name) => ({
      name: `an answer that is no verdict is a failure and defers: ${name}`,
      data: asks(name),
      expect: { refused: '4.3.0', failure: /no answer: |a rule of mine/ },
    })),
    {
      name: 'a daemon that is not there is a failure, and defers',
      options: { at: DEAD },
      data: asks('clean'),
      expect: { refused: '4.3.0', failure: /no answer: 127\.0\.0\.1:9: .*ECONNREFUSED/ },
    },
    {
      name: 'unless the operator says that mail may pass then; what the sender forged goes all the same',
      options: { at: DEAD },
      use: { onError: 'pass' },
      data: asks('clean', { 'X-Spam': 'No' }),
      expect: {
        accepted: true,
        failure: /ECONNREFUSED/,
        facts: { rspamd: undefined },
        headers: { 'X-Spam': undefined },
      },
    },
    {
      name: 'another daemon stands in for it',
      options: { at: [DEAD, at] },
      data: asks('reject'),
      expect: '5.7.1',
    },
    {
      name: 'what is too large is not scanned, which is a fact and not a good message',
      options: { at, maxSize: 100 },
      data: mail({ 'X-Answer': 'reject' }, 'x'.repeat(200)),
      expect: { accepted: true, facts: { rspamd: { scanned: false, reason: 'larger than 100 octets' } } },
    },
    {
      name: 'what is too large may be worth something',
      options: { at, maxSize: 100, unscanned: 'defer' },
      data: mail({ Subject: 'x' }, 'x'.repeat(200)),
      expect: { refused: '4.7.1', text: /too large to be looked into/ },
    },
    {
      name: 'what is too large for the daemon is not scanned either',
      options: { at, unscanned: 3 },
      data: asks('large'),
      expect: { accepted: true, points: 3, facts: { rspamd: { scanned: false, reason: `too large for ${at}` } } },
    },
    {
      name: 'a mistake in `at` is one',
      options: { at: 'localhost:x' },
      expect: { mistake: /is not where a daemon listens/ },
    },
    {
      name: 'settings and a name of settings are a mistake: rspamd ignores one of them',
      options: { settings: {}, settingsId: 'x' },
      expect: { mistake: /rspamd ignores settingsId/ },
    },
    {
      name: 'points of single recipients are a mistake',
      options: { perRecipient: 'address', trust: 'score' },
      expect: { mistake: /perRecipient needs trust: "action"/ },
    },
  ],
  { options: { at } },
)

pluginContract(rspamd, { options: { at }, large: 8_388_608 })

/** The fields of the last request: a name that comes again has its values in a list. */
function lastFields(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const fields = requests.at(-1)?.fields ?? []
  for (let i = 0; i < fields.length; i += 2)
    found.set(fields[i] ?? '', [
      ...(found.get(fields[i] ?? '') ?? []),
      Buffer.from(fields[i + 1] ?? '', 'latin1').toString(),
    ])
  return found
}

const shown = (...names: readonly string[]) => names.map((name) => lastFields().get(name)?.join(' '))

test('rspamd is told who sends to whom, and how', async () => {
  await session(rspamd({ at, mtaTag: 'inbound', passAll: true, settings: { actions: { reject: 20 } } }))
    .from('203.0.113.7')
    .tls()
    .helo('client.test')
    .mail('jörg@bücher.test', { smtputf8: true })
    .rcpt('bob@mx.test')
    .rcpt('carol@mx.test')
    .data(asks('clean', { 'X-Spam-Score': '-9' }))
    .expectAccepted()
  assert.equal(requests.at(-1)?.path, '/checkv2')
  assert.deepEqual(
    shown(
      'IP',
      'Helo',
      'From',
      'Rcpt',
      'MTA-Name',
      'MTA-Tag',
      'TLS-Version',
      'TLS-Cipher',
      'Pass',
      'Flags',
      'Settings',
    ),
    [
      '203.0.113.7',
      'client.test',
      '<jörg@xn--bcher-kva.test>',
      '<bob@mx.test> <carol@mx.test>',
      'mx.test',
      'inbound',
      'TLSv1.3',
      'TLS_AES_256_GCM_SHA384',
      'all',
      'milter,body_block,groups,pass_all',
      '{"actions":{"reject":20}}',
    ],
  )
  assert.deepEqual(shown('User', 'Deliver-To', 'Settings-ID', 'Hostname'), [undefined, undefined, undefined, undefined])
  assert.ok(lastFields().has('Queue-Id'))
  assert.equal(lastFields().get('content-length')?.[0], String(requests.at(-1)?.body.length))
  const body = requests.at(-1)?.body.toString()
  assert.match(body ?? '', /^Received: from client\.test/)
  assert.doesNotMatch(body ?? '', /X-Spam/)
})

test('one recipient is whom it is delivered to; the null reverse-path is said', async () => {
  await session(rspamd({ at, settingsId: 'inbound' }))
    .mail('<>')
    .rcpt('bob@mx.test')
    .data(asks('clean'))
    .expectAccepted()
  assert.deepEqual(shown('From', 'Deliver-To', 'Settings-ID', 'Flags'), [
    '<>',
    'bob@mx.test',
    'inbound',
    'milter,body_block,groups',
  ])
})

test('compressed both ways', async () => {
  const plugin = rspamd({ at, zstd: true })
  await session(plugin).data(asks('reject')).expectRefusal('5.7.1')
  assert.deepEqual(shown('Compression', 'Flags'), ['zstd', 'milter,body_block,groups,zstd'])
})

test('each recipient is asked about by itself, and its verdict is about it alone', async () => {
  const before = requests.length
  const verdicts: unknown[] = []
  const witness = definePlugin({
    name: 'witness',
    hooks: { refused: ({ find }) => void verdicts.push(find({ name: 'rspamd', scope: 'transaction' })) },
  })
  await session(rspamd({ at, perRecipient: 'domain' }), witness())
    .rcpt('a@one.test')
    .rcpt('b@two.test')
    .rcpt('c@one.test')
    .data(asks('reject'))
    .expectRefusal('5.7.1')
  const asked = requests
    .slice(before)
    .map(({ fields }) => fields.filter((_, i) => ['Rcpt', 'Deliver-To'].includes(fields[i - 1] ?? '')))
  assert.deepEqual(asked, [
    ['<a@one.test>', '<c@one.test>', '@one.test'],
    ['<b@two.test>', '@two.test'],
  ])
  assert.equal(verdicts.length, 1)
})

test('with authentication: "postroad" our results are told, and nothing is asked twice', async () => {
  const ours = definePlugin({
    name: 'spf',
    hooks: {
      mail: {
        provides: [spfFact],
        handler: ({ set }) =>
          set(spfFact, {
            mailFrom: {
              identity: 'mailfrom',
              result: 'fail',
              domain: 'a.test',
              comment: undefined,
              explanation: undefined,
            },
            helo: undefined,
          }),
      },
      message: {
        provides: [dkimFact, dmarcFact],
        async handler({ set }) {
          await new Promise((resolve) => setImmediate(resolve))
          set(dkimFact, { signatures: [], ignored: 0 })
          set(dmarcFact, {
            result: 'fail',
            domain: 'a.test',
            policyDomain: 'a.test',
            policy: 'reject',
            aligned: [],
            override: undefined,
            comment: undefined,
          })
        },
      },
    },
  })
  await session(
    rspamd({ at, authentication: 'postroad', settings: { want_spam: true, groups_disabled: ['surbl'] } }),
    ours(),
  )
    .data(asks('clean'))
    .expectAccepted()
  assert.deepEqual(JSON.parse(shown('Settings')[0] ?? ''), {
    want_spam: true,
    groups_disabled: ['surbl', 'spf', 'dkim', 'dmarc'],
    symbols: ['R_SPF_FAIL', 'R_DKIM_NA', 'DMARC_POLICY_REJECT'],
  })
})
