/** Input that is meant to hurt: each is answered, bounded and linear, and the server goes on. The figures are printed with `--test-reporter spec`. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { startServer } from '../dialogues/server.ts'

const ENVELOPE = 'MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\n'
/** Generous: a busy machine is no failure, quadratic time is. */
const LIMIT_MS = 10_000

/** Sends the pieces as fast as they are taken, then QUIT; gives all replies. */
async function flood(port: number, pieces: Iterable<string | Buffer>): Promise<string[]> {
  const socket = net.connect({ host: '127.0.0.1', port })
  const replies: string[] = []
  let rest = ''
  socket.on('error', () => {}).setEncoding('latin1')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\r\n')
    rest = lines.pop() ?? ''
    replies.push(...lines)
  })
  for (const piece of [...pieces, 'QUIT\r\n']) {
    if (socket.destroyed) break
    if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  socket.end()
  await closed
  return replies
}

function* repeat(text: string, count: number): Iterable<Buffer> {
  const each = Math.max(1, Math.floor(65_536 / text.length))
  const chunk = Buffer.from(text.repeat(each), 'latin1')
  for (let left = count; left > 0; left -= each) yield left >= each ? chunk : chunk.subarray(0, left * text.length)
}

async function timed<T>(name: string, run: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const result = await run()
  const { user, system } = process.cpuUsage(cpu)
  const ms = performance.now() - begin
  console.log(`${name}: ${ms.toFixed(0)} ms, CPU of both sides ${((user + system) / 1000).toFixed(0)} ms`)
  assert.ok(ms < LIMIT_MS, `${name} took ${ms} ms`)
  return result
}

test('a megabyte of stuffed dots is a message like any other', async () => {
  await using server = await startServer()
  const replies = await timed('1 MB of stuffed dots', () =>
    flood(server.port, ['EHLO x\r\n', ENVELOPE, 'DATA\r\n\r\n', ...repeat('..\r\n', 262_144), '.\r\n']),
  )
  assert.match(replies.at(-2) ?? '', /^250 2\.\S+ .*taken$/)
  assert.equal(server.taken[0]?.text.endsWith('.\r\n'.repeat(1000)), true)
})

test('a command of 100 MB is one error, and is not kept', async () => {
  await using server = await startServer()
  const before = process.memoryUsage.rss()
  const replies = await timed('a command of 100 MB', () =>
    flood(server.port, [...repeat('x', 100_000_000), '\r\nNOOP\r\n']),
  )
  assert.deepEqual(
    replies.slice(1).map((line) => line.slice(0, 3)),
    ['500', '250', '221'],
  )
  assert.ok(process.memoryUsage.rss() - before < 80e6)
})

test('a line of 100 MB in a message is cut off at twice the size limit', async () => {
  await using server = await startServer({ limits: { size: 1_000_000 } })
  const replies = await timed('a text line of 100 MB', () =>
    flood(server.port, ['EHLO x\r\n', ENVELOPE, 'DATA\r\n', ...repeat('x', 100_000_000)]),
  )
  assert.match(replies.at(-1) ?? '', /^55[24] 5\./)
  assert.equal(server.taken.length, 0)
})

test('100,000 pipelined NOOPs are answered or end the session', async () => {
  await using lenient = await startServer({ limits: { noops: 1e6 } })
  const replies = await timed('100,000 NOOPs', () => flood(lenient.port, repeat('NOOP\r\n', 100_000)))
  assert.equal(replies.filter((line) => line === '250 2.0.0 Ok').length, 100_000)
  await using strict = await startServer()
  const few = await timed('100,000 NOOPs, refused', () => flood(strict.port, repeat('NOOP\r\n', 100_000)))
  assert.ok(few.length < 110)
})

test('100,000 recipients are taken up to the limit, put off up to it again, and then it is enough', async () => {
  await using server = await startServer()
  const replies = await timed('100,000 recipients', () =>
    flood(server.port, ['EHLO x\r\nMAIL FROM:<>\r\n', ...repeat('RCPT TO:<b@mx.test>\r\n', 100_000), 'DATA\r\n.\r\n']),
  )
  assert.equal(replies.filter((line) => line.startsWith('250 2.1.5')).length, 1000)
  assert.equal(replies.filter((line) => line.startsWith('452 4.5.3')).length, 1009)
  assert.match(replies.at(-1) ?? '', /^421 4\.7\.0 /)
  assert.equal(server.taken.length, 0)
})

test('100,000 header fields, and one of a megabyte, are refused', async () => {
  await using server = await startServer({ limits: { line: 2_000_000 } })
  for (const header of [repeat('X-A: b\r\n', 100_000), ['X-A: ', ...repeat('b', 1_000_000), '\r\n']]) {
    const replies = await timed('a header section too large', () =>
      flood(server.port, ['EHLO x\r\n', ENVELOPE, 'DATA\r\n', ...header, '\r\nx\r\n.\r\n']),
    )
    assert.match(replies.at(-2) ?? '', /^55[024] 5\./)
  }
  assert.equal(server.taken.length, 0)
})

test('chunks of BDAT: many empty ones, one that never comes, one of all the world', async () => {
  await using server = await startServer()
  const replies = await timed('10,000 empty chunks', () =>
    flood(server.port, ['EHLO x\r\n', ENVELOPE, ...repeat('BDAT 0\r\n', 10_000), 'BDAT 0 LAST\r\n']),
  )
  assert.match(replies.at(-1) ?? '', /^421 4\.7\.0 /)
  assert.ok(replies.length < 1050)
  const some = await flood(server.port, ['EHLO x\r\n', ENVELOPE, ...repeat('BDAT 0\r\n', 900), 'BDAT 0 LAST\r\n'])
  assert.match(some.at(-2) ?? '', /^250 2\.\S+ .*taken$/)
  const huge = await flood(server.port, ['EHLO x\r\n', ENVELOPE, 'BDAT 999999999999999 LAST\r\nabc'])
  assert.match(huge.at(-1) ?? '', /^552 5\.3\.4/)
})

test('header fields and domains named like parts of objects are names like any other', async () => {
  await using server = await startServer()
  const replies = await flood(server.port, [
    'EHLO __proto__\r\nMAIL FROM:<constructor@__proto__.test>\r\nMAIL FROM:<__proto__@constructor>\r\nRCPT TO:<toString@constructor>\r\nDATA\r\n',
    '__proto__: x\r\nconstructor: y\r\nSubject: hasOwnProperty\r\n\r\nx\r\n.\r\n',
  ])
  assert.match(replies.at(-2) ?? '', /^250 2\.\S+ .*taken$/)
  assert.equal(({} as { x?: unknown }).x, undefined)
})

test('control characters in names, addresses, parameters and credentials are refused, and never come back', async () => {
  await using server = await startServer({
    authWithoutTls: true,
    limits: { errors: 100 },
    xclient: ['127.0.0.1'],
    xforward: ['127.0.0.1'],
  })
  const lines = [
    'EHLO a\0b',
    'EHLO a\x07b',
    'EHLO x',
    'MAIL FROM:<a\0@client.test>',
    'MAIL FROM:<"a\\\x07"@client.test>',
    'MAIL FROM:<a@client.test> ENVID=a+0D+0ARCPT',
    'MAIL FROM:<a@client.test> AUTH=a+00b',
    `AUTH PLAIN ${Buffer.from('\0a\r\nb\0secret').toString('base64')}`,
    'XCLIENT NAME=a+0D+0A250+20ok',
    'XFORWARD HELO=a+0Ab',
    'VRFY a\x1b[31m',
  ]
  const replies = await flood(server.port, [`${lines.join('\r\n')}\r\n`])
  const codes = replies.filter((line) => !/^250/.test(line)).map((line) => line.slice(0, 3))
  assert.deepEqual(
    codes,
    ['220', '501', '501', '500', '501', '501', '501', '501', '501', '501', '252', '221'].map((code, i) =>
      i === 1 ? '500' : code,
    ),
  )
  for (const line of replies) assert.match(line, /^[\x20-\x7e]*$/)
})

test('a slow-loris and many half-open connections do not keep others out, and go', async () => {
  await using server = await startServer({
    limits: { commandTimeoutMs: 300, connectionsPerAddress: 1000, connectionsPerNetwork: 1000 },
  })
  const sockets = Array.from({ length: 200 }, () =>
    net.connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true }),
  )
  const ends = sockets.map(
    (socket) => new Promise((resolve) => socket.on('error', resolve).once('end', resolve).resume()),
  )
  for (const [i, socket] of sockets.entries()) {
    if (i % 2 === 0) socket.end('EHLO')
    else socket.write('MAIL FR')
  }
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x')
  }, 50)
  const replies = await flood(server.port, ['EHLO x\r\n', ENVELOPE, 'DATA\r\n.\r\n'])
  assert.match(replies.at(-2) ?? '', /^250 2\.\S+ .*taken$/)
  await Promise.all(ends)
  clearInterval(drip)
  for (const socket of sockets) socket.destroy()
  assert.equal(server.connections, 0)
})
