import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, AUTHENTIC_DATA, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet'
import fc from 'fast-check'
import { makeQuery, readReply } from './packet.ts'

const query = makeQuery('MX', 'example.com')

function respond(
  answers: Answer[],
  over: { id?: number; name?: string; flags?: number; authorities?: Answer[] } = {},
): Uint8Array {
  const { id = query.id, name = 'Example.com', flags = 0, authorities = [] } = over
  return encode({ type: 'response', id, flags, questions: [{ type: 'MX', name }], answers, authorities })
}

const mx: Answer = { type: 'MX', name: 'example.com', ttl: 300, data: { preference: 10, exchange: 'mx.example.com' } }

test('RFC 6840 §5.7, RFC 3225: a query asks for recursion and for the AD bit, with EDNS0 and DO', () => {
  const packet = decode(Buffer.from(query.bytes))
  assert.ok(packet.flag_rd && packet.flag_ad)
  const [opt] = packet.additionals ?? []
  assert.ok(opt?.type === 'OPT' && opt.flag_do && opt.udpPayloadSize === 1232)
  assert.notEqual(new Set(Array.from({ length: 8 }, () => makeQuery('A', 'x').id)).size, 1)
})

test('records are those of the question, with the least TTL', () => {
  const other: Answer = { type: 'A', name: 'mx.example.com', ttl: 5, data: '192.0.2.1' }
  const second: Answer = { type: 'MX', name: 'EXAMPLE.com', ttl: 30, data: { preference: 20, exchange: '.' } }
  const reply = readReply(query, respond([mx, other, second], { flags: AUTHENTIC_DATA }))
  const records = [
    { preference: 10, exchange: 'mx.example.com' },
    { preference: 20, exchange: '' },
  ]
  assert.deepEqual(reply, {
    code: 'NOERROR',
    truncated: false,
    secure: true,
    records,
    ttl: 30,
    alias: false,
    canonical: 'example.com',
  })
})

test('RFC 1034 §3.6.2: aliases are followed within the answer, round in circles no further than sixteen', () => {
  const alias = (name: string, data: string): Answer => ({ type: 'CNAME', name, ttl: 20, data })
  const chain = readReply(
    query,
    respond([alias('example.com', 'b.example'), alias('B.example', 'c.example'), { ...mx, name: 'c.example' }]),
  )
  assert.equal(chain?.records.length, 1)
  assert.equal(chain?.ttl, 20)
  assert.equal(chain?.alias, true)
  assert.equal(chain?.canonical, 'c.example')
  const circle = readReply(query, respond([alias('example.com', 'b.example'), alias('b.example', 'example.com')]))
  assert.deepEqual(circle?.records, [])
})

test('RFC 7672 §2.2.2: who asks for an alias is given the alias, and is not led on by it', () => {
  const cname = makeQuery('CNAME', 'a.example')
  const answers: Answer[] = [
    { type: 'CNAME', name: 'a.example', ttl: 20, data: 'b.example' },
    { type: 'CNAME', name: 'b.example', ttl: 20, data: 'c.example' },
  ]
  const bytes = encode({
    type: 'response',
    id: cname.id,
    flags: AUTHENTIC_DATA,
    questions: [{ type: 'CNAME', name: 'a.example' }],
    answers,
  })
  const reply = readReply(cname, bytes)
  assert.deepEqual(
    [reply?.records, reply?.canonical, reply?.alias, reply?.secure],
    [['b.example'], 'a.example', false, true],
  )
})

test('RFC 5452 §9.1: another id, another question, a query and garbage are not the reply', () => {
  assert.equal(readReply(query, respond([mx], { id: (query.id + 1) & 0xffff })), undefined)
  assert.equal(readReply(query, respond([mx], { name: 'example.org' })), undefined)
  assert.equal(readReply(query, query.bytes), undefined)
  assert.equal(readReply(query, Buffer.from('nonsense')), undefined)
})

test('RFC 2181 §9: a truncated reply is known as one even when it ends within a record', () => {
  const bytes = respond([mx], { flags: TRUNCATED_RESPONSE })
  assert.equal(readReply(query, bytes)?.truncated, true)
  assert.equal(readReply(query, bytes.subarray(0, bytes.length - 4))?.truncated, true)
})

test('RFC 2308 §5: the negative TTL is the lesser of the SOA TTL and its MINIMUM', () => {
  const soa = (ttl: number, minimum: number): Answer => ({
    type: 'SOA',
    name: 'com',
    ttl,
    data: { mname: 'a', rname: 'b', minimum },
  })
  assert.equal(readReply(query, respond([], { authorities: [soa(900, 60)] }))?.ttl, 60)
  assert.equal(readReply(query, respond([], { authorities: [soa(30, 60)] }))?.ttl, 30)
  assert.equal(readReply(query, respond([]))?.ttl, undefined)
})

test('RFC 7208 §3.3: the strings of a TXT record are joined, a character cut in two too', () => {
  const txt = makeQuery('TXT', 'example.com')
  const text = Buffer.from('v=spf1 ü')
  const data = [text.subarray(0, 8), text.subarray(8)]
  const bytes = encode({
    type: 'response',
    id: txt.id,
    questions: [{ type: 'TXT', name: 'example.com' }],
    answers: [{ type: 'TXT', name: 'example.com', data }],
  })
  assert.deepEqual(readReply(txt, bytes)?.records, ['v=spf1 ü'])
})

test('octets from the network never throw', () => {
  const valid = Buffer.from(respond([mx]))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(valid.length),
      (edits, end) => {
        const bytes = Buffer.from(valid)
        for (const [at, octet] of edits) bytes[at] = octet
        readReply(query, bytes.subarray(0, end))
      },
    ),
    { numRuns: 500 },
  )
})
