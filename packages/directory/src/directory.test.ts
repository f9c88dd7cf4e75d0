import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { memoryStore } from '@postroad/testing'
import type { DirectoryStats } from './deps.ts'
import type { Directory } from './directory.ts'
import { mistakes, opened, service } from './fixture.test.ts'
import { type DirectoryEntry, DirectoryError } from './index.ts'

const MIN = 60_000

async function valuesOf(directory: Directory, key: string): Promise<readonly string[] | undefined> {
  return (await directory.find(key))?.values
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('a key is asked for once, then known without a promise until its time is over; so is that there is none', async (t) => {
  const http = await service(t, (path) => (path === '/a%40x.test' ? [200, 'b@y.test'] : [404]))
  const people = await opened(t, { http: { url: `${http.url}/{key}` } })
  assert.deepEqual(await valuesOf(people, 'a@x.test'), ['b@y.test'])
  assert.equal(await people.find('no@x.test'), undefined)
  assert.deepEqual((people.find('a@x.test') as DirectoryEntry).values, ['b@y.test'])
  assert.equal(people.find('no@x.test'), undefined)
  assert.equal(http.asked.length, 2)
  await people.clock.advance(MIN)
  const again = people.find('no@x.test')
  assert.ok(again instanceof Promise)
  await again
  assert.ok(!(people.find('a@x.test') instanceof Promise))
  await people.clock.advance(4 * MIN)
  http.answer = () => [200, '{"mail":["c@y.test","d@y.test"],"quota":5,"off":null}']
  assert.deepEqual(
    [...((await people.find('a@x.test')) as DirectoryEntry).fields],
    [
      ['mail', ['c@y.test', 'd@y.test']],
      ['quota', ['5']],
      ['off', []],
    ],
  )
})

test('many who want the same ask once, and what is on its way holds nobody else', async (t) => {
  let free = (): void => undefined
  const held = new Promise<void>((resolve) => (free = resolve))
  const http = await service(t, async (path) => {
    if (path === '/slow') await held
    return [200, path]
  })
  const people = await opened(t, { http: { url: `${http.url}/{key}` } })
  const slow = Array.from({ length: 50 }, () => valuesOf(people, 'slow'))
  assert.deepEqual(await valuesOf(people, 'quick'), ['/quick'])
  free()
  assert.deepEqual(new Set((await Promise.all(slow)).flat()), new Set(['/slow']))
  assert.equal(http.asked.filter((path) => path === '/slow').length, 1)
  assert.equal(people.stats().shared, 49)
})

test('an outage is no answer, says so once, and is not waited for again and again', async (t) => {
  const http = await service(t, () => [500])
  const people = await opened(t, { http: { url: `${http.url}/{key}` } })
  for (let at = 0; at < 10; at++)
    await assert.rejects(Promise.resolve(people.find(`k${at}`)), (error) => {
      assert.ok(error instanceof DirectoryError)
      assert.match(error.message, /^people \(http:\/\/127\.0\.0\.1:\d+\) cannot say: HTTP status 500$/)
      return true
    })
  assert.equal(http.asked.length, 3)
  assert.deepEqual(people.said, ['warn: a directory cannot be asked'])
  http.answer = () => [200, 'x']
  await people.clock.advance(2_000)
  assert.deepEqual(await valuesOf(people, 'k'), ['x'])
  assert.deepEqual(people.said, ['warn: a directory cannot be asked', 'info: a directory answers again'])
})

test('who does not answer in time has failed', async (t) => {
  const http = await service(t, () => new Promise(() => undefined))
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, deadline: '3 s' })
  const failed = assert.rejects(Promise.resolve(people.find('k')), /no answer within 3000 ms/)
  while (http.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await people.clock.advance(3_000)
  await failed
})

test('with `stale` what was known serves during an outage, for so long; that there was none never does', async (t) => {
  const http = await service(t, (path) => (path === '/a' ? [200, 'x'] : [404]))
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, cache: { stale: '1 h' } })
  await valuesOf(people, 'a')
  await valuesOf(people, 'none')
  http.answer = () => [503]
  await people.clock.advance(10 * MIN)
  assert.deepEqual(await valuesOf(people, 'a'), ['x'])
  assert.deepEqual({ ...(await people.look('a')), entry: 0 }, { entry: 0, how: 'stale', age: 10 * MIN })
  await assert.rejects(Promise.resolve(people.find('none')), DirectoryError)
  await people.clock.advance(56 * MIN)
  await assert.rejects(Promise.resolve(people.find('a')), DirectoryError)
})

test('what is stale survives a restart in the store, and is nobody else’s answer', async (t) => {
  const http = await service(t, () => [200, 'x'])
  const from = { http: { url: `${http.url}/{key}` }, cache: { stale: '1 h' } }
  const first = await opened(t, from)
  const store = memoryStore(first.clock)
  const before = await opened(t, from, { store, clock: first.clock })
  await valuesOf(before, 'a')
  http.answer = () => [503]
  const after = await opened(t, from, { store, clock: first.clock })
  assert.deepEqual(await valuesOf(after, 'a'), ['x'])
  const other = await opened(t, { ...from, http: { url: `${http.url}/other/{key}` } }, { store, clock: first.clock })
  await assert.rejects(Promise.resolve(other.find('a')), DirectoryError)
})

test('memory is bounded: the key not used for longest goes', async (t) => {
  const http = await service(t, (path) => [200, path])
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, cache: { size: 2 } })
  for (const key of ['a', 'b', 'a', 'c']) await people.find(key)
  assert.ok(!(people.find('a') instanceof Promise))
  const gone = people.find('b')
  assert.ok(gone instanceof Promise)
  await gone
  assert.equal(people.stats().cached, 2)
})

test('a list is in memory as a whole; what empties it or halves it is not believed', async (t) => {
  const http = await service(t, () => [200, 'a@x.test first\nB@x.test\nc@x.test\nd@x.test\n'])
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, list: { ask: `${http.url}/all`, every: '1 h' } })
  assert.deepEqual(await valuesOf(people, 'a@x.test'), ['first'])
  assert.deepEqual((people.find('b@x.test') as DirectoryEntry).values, [])
  assert.equal(people.find('e@x.test'), undefined)
  http.answer = () => [200, 'a@x.test\n']
  await assert.rejects(people.refresh(), /1 keys after 4, and that is not believed/)
  http.answer = () => [200, '']
  await assert.rejects(people.refresh(), /empty, and that is not believed/)
  assert.ok(people.find('d@x.test'))
  http.answer = () => [200, 'a@x.test\ne@x.test\n']
  await people.refresh()
  assert.ok(people.find('e@x.test'))
  assert.equal(people.find('d@x.test'), undefined)
  assert.deepEqual(
    http.asked.filter((path) => path !== '/all'),
    [],
  )
})

test('yesterday’s list serves after a restart while today’s cannot be read, until it is too old', async (t) => {
  const folder = folderOf(t)
  const http = await service(t, () => [
    200,
    Array.from({ length: 1_001 }, (_, at) => `u${at}@x.test v${at}`).join('\n'),
  ])
  const from = { http: { url: `${http.url}/{key}` }, list: { ask: `${http.url}/all`, every: '1 h', keep: '2 d' } }
  const first = await opened(t, from, { folder: async () => folder })
  await first.find('u1@x.test')
  const { clock } = first
  await first.close()
  assert.equal(readdirSync(folder).length, 1)
  http.answer = () => [503]
  await clock.advance(24 * 60 * MIN)
  const second = await opened(t, from, { folder: async () => folder, clock })
  assert.deepEqual(await valuesOf(second, 'u1000@x.test'), ['v1000'])
  assert.equal(await second.find('nobody@x.test'), undefined)
  const { how, age } = await second.look('u0@x.test')
  assert.deepEqual([how, age], ['list', 24 * 60 * MIN])
  await clock.advance(24 * 60 * MIN)
  await assert.rejects(Promise.resolve(second.find('u1@x.test')), /the list is older than 172800 s: HTTP status 503/)
})

test('yesterday’s list answers at once while a server hangs that has today’s', async (t) => {
  const folder = folderOf(t)
  const http = await service(t, () => [200, 'a@x.test v'])
  const from = { http: { url: `${http.url}/{key}` }, list: { ask: `${http.url}/all`, every: '1 h', keep: '2 d' } }
  const first = await opened(t, from, { folder: async () => folder })
  await first.find('a@x.test')
  const { clock } = first
  await first.close()
  http.answer = () => new Promise(() => undefined)
  await clock.advance(24 * 60 * MIN)
  const second = await opened(t, from, { folder: async () => folder, clock })
  assert.deepEqual(await valuesOf(second, 'a@x.test'), ['v'])
})

test('a list that could never be read is an outage', async (t) => {
  const http = await service(t, () => [503])
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, list: { ask: `${http.url}/all` } })
  await assert.rejects(Promise.resolve(people.find('a')), /there is no list yet: HTTP status 503/)
  assert.ok(people.said.includes('error: a list cannot be read, the last one stays'))
})

test('a file is known without a promise; a wrong one is a mistake at once', async (t) => {
  const path = join(folderOf(t), 'users')
  writeFileSync(path, '# people\nA@x.test lmtp 127.0.0.1 24\nb@x.test\n')
  const people = await opened(t, { file: path })
  assert.deepEqual((people.find('a@x.test') as DirectoryEntry).values, ['lmtp 127.0.0.1 24'])
  assert.equal(people.find('c@x.test'), undefined)
  writeFileSync(path, 'a@x.test\nA@X.test\n')
  await assert.rejects(opened(t, { file: path }), /line 2: two lines have the key A@X\.test/)
})

test('patterns in a file: the key itself, then the narrowest network, then the first pattern that fits', async (t) => {
  const path = join(folderOf(t), 'access')
  const lines = [
    'sales-*@x.test first',
    '*@x.test all',
    'sales-eu@x.test itself',
    '10.0.0.0/8 wide',
    '10.1.0.0/16 narrow',
    '2001:db8::/32 six',
    'host-??.dyn.test dynamic',
  ]
  writeFileSync(path, lines.join('\n'))
  const people = await opened(t, { file: { path, format: 'patterns' } })
  const found = (key: string) => (people.find(key) as DirectoryEntry | undefined)?.values[0]
  for (const [key, expected] of [
    ['sales-eu@x.test', 'itself'],
    ['sales-us@x.test', 'first'],
    ['bob@x.test', 'all'],
    ['bob@x.test.evil.test', undefined],
    ['10.1.2.3', 'narrow'],
    ['10.2.2.3', 'wide'],
    ['11.2.2.3', undefined],
    ['2001:db8::1', 'six'],
    ['host-12.dyn.test', 'dynamic'],
    ['host-123.dyn.test', undefined],
    ['', undefined],
  ] as const)
    assert.equal(found(key), expected, key)
  writeFileSync(path, '*@x.test a\n*@X.test b\n')
  await assert.rejects(opened(t, { file: { path, format: 'patterns' } }), /line 2: two lines have the pattern/)
  writeFileSync(path, '10.0.0.0/33 a\n*@x.test\n')
  const plain = await opened(t, { file: path })
  assert.equal(plain.find('10.0.0.1'), undefined)
})

test('what directories count is told to who asks, until they are closed', async (t) => {
  const http = await service(t, (path) => (path === '/a' ? [200, 'x'] : [404]))
  const people = await opened(t, { http: { url: `${http.url}/{key}` }, name: 'staff' })
  for (const key of ['a', 'a', 'b']) await people.find(key)
  const told = (): readonly (readonly [string, DirectoryStats])[] => {
    const all: [string, DirectoryStats][] = []
    channel('postroad:directory:stats').publish({
      add: (name: string, stats: DirectoryStats) => all.push([name, stats]),
    })
    return all.filter(([name]) => name === 'staff')
  }
  const [[, stats] = []] = told()
  assert.deepEqual([stats?.hits, stats?.found, stats?.unknown, stats?.failed, stats?.cached], [1, 1, 1, 0, 2])
  await people.close()
  assert.deepEqual(told(), [])
})

test('mistakes are said where they are, with what was meant', () => {
  const url = 'https://x.test/{key}'
  const cases: [unknown, RegExp][] = [
    [{}, /^: needs one of "file", .* and has none/],
    [{ http: { url }, file: 'x' }, /has "file" and "http"/],
    [{ http: { url: 'https://x.test/' } }, /^http\.url: url does not ask for the key: it needs one of \{key\}/],
    [{ sql: { url: 'postgres://x', query: 'SELECT {kye}' } }, /the place \{kye\}.*did you mean \{key\}\?/],
    [{ sql: { url: 'oracle://x', query: 'SELECT {key}' } }, /sql\.url: not the URL of a database/],
    [{ ldap: { url: 'ldaps://x', base: 'o', filter: '(mail=x)' } }, /filter does not ask for the key/],
    [
      { ldap: { url: 'ldaps://x', base: 'o', filter: '(m={key})', bind: { dn: 'cn=x', password: '' } } },
      /unauthenticated bind/,
    ],
    [{ redis: { url: 'http://x' } }, /redis\.url: not the URL of a Redis/],
    [{ file: 'x', list: {} }, /list: is for "sql", "ldap" and "http"/],
    [{ sql: { url: 'sqlite:x', query: 'SELECT {key}' }, list: {} }, /list\.ask: is missing/],
    [{ file: { path: 'x', format: 'btree' } }, /file/],
    [{ socketmap: { at: 'x', map: 'm' } }, /not where a socketmap listens/],
  ]
  for (const [from, expected] of cases) assert.match(mistakes(from).join('\n'), expected)
  assert.deepEqual(mistakes({ socketmap: { at: 'unix:/run/map', map: 'm' } }), [])
})
