/** The checks of `postroad doctor`: each planted fault is found by the check that is there for it, and none where everything is right. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Server } from '@postroad/core'
import { CHECKS, countStates, diagnose } from '@postroad/doctor'
import { makeTestFolder } from '../runner/folder.ts'
import { type Change, goodServer, patient, SIGNING_KEY } from './patient.ts'
import { PLANTED } from './planted.ts'
import { vulnerableServer } from './vulnerable-server.ts'

const folder = makeTestFolder('doctor')
let server: Server
before(async () => {
  await writeFile(path.join(folder, 's1.pem'), SIGNING_KEY, { mode: 0o600 })
  server = await goodServer(folder)
})
after(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

async function ask(change: Change, only?: readonly string[]) {
  await using asked = await patient(server, change)
  return await diagnose(asked.context, only ? { only } : {})
}

test('a server that is as it should be has no fault and no remark, and every check has something to say', async () => {
  const found = await ask({})
  assert.deepEqual(
    found.filter(({ state }) => state !== 'ok'),
    [],
  )
  const silent = CHECKS.map(({ name }) => name).filter((name) => !found.some(({ check }) => check === name))
  assert.deepEqual(silent, [])
  assert.ok(found.some(({ check, plugin }) => check === 'dkim-key' && plugin === 'dkim-sign'))
})

test('there are forty planted faults and more, and each check finds one', () => {
  assert.ok(PLANTED.length >= 40, String(PLANTED.length))
  const found = new Set(PLANTED.map(({ check }) => check))
  assert.deepEqual(
    CHECKS.map(({ name }) => name).filter((name) => !found.has(name)),
    [],
  )
})

for (const { what, check, evidence, change, server: faults } of PLANTED) {
  test(`${check} finds: ${what}`, async () => {
    await using vulnerable = faults && (await vulnerableServer(faults))
    const found = await ask(vulnerable ? { ...change, port: vulnerable.port } : change, [check])
    const right = found.filter((one) => one.state === 'fault' && evidence.test(one.evidence))
    assert.ok(right.length > 0, JSON.stringify(found))
    // What is to be done is said, in a sentence.
    assert.match(right[0]?.fix ?? '', /^\S.*[.:)\w"]$/)
    assert.ok(found.every((one) => one.check === check))
  })
}

test('what DNS does not say is a remark, and no fault of anybody', async () => {
  const found = await ask(
    {
      zone: {
        'dane.test': 'SERVFAIL',
        '_dmarc.dane.test': 'SERVFAIL',
        '192.0.2.25': 'SERVFAIL',
        's1._domainkey.dane.test': 'SERVFAIL',
        '_mta-sts.dane.test': 'SERVFAIL',
        '_smtp._tls.dane.test': 'SERVFAIL',
        '_25._tcp.mx.dane.test': 'SERVFAIL',
        'default._bimi.dane.test': 'SERVFAIL',
      },
    },
    ['mx', 'spf', 'dmarc', 'ptr', 'dkim-key', 'dkim-selector', 'mta-sts', 'tls-rpt', 'tlsa', 'bimi'],
  )
  assert.equal(countStates(found).fault, 0, JSON.stringify(found))
  assert.equal(countStates(found).remark, 10, JSON.stringify(found))
})

test('RFC 5782 §5: a list that refuses, is dead, or lists everything is told from a listing', async () => {
  for (const [zone, evidence] of [
    [
      { '2.0.0.127.list.test': { A: ['127.255.255.254'], TXT: ['use your own resolver'] } },
      /refuses to answer us \(127\.255\.255\.254\)/,
    ],
    [{ '2.0.0.127.list.test': 'NXDOMAIN' }, /its test entry is not there/],
    [{ '2.0.0.127.list.test': 'SERVFAIL' }, /does not answer/],
    [{ '1.0.0.127.list.test': { A: ['127.0.0.2'] } }, /it lists everything/],
    [{ '25.2.0.192.list.test': { A: ['127.255.255.255'] } }, /which is no listing/],
    [{ '25.2.0.192.list.test': { A: ['198.51.100.9'] } }, /which no list does/],
  ] as const) {
    const found = await ask({ zone }, ['blocklist'])
    assert.deepEqual([found.length, found[0]?.state], [1, 'remark'], JSON.stringify(found))
    assert.match(found[0]?.evidence ?? '', evidence)
  }
})

test('a check that throws, and one that hangs, are remarks of their own and stop no other', async () => {
  const broken = { name: 'broken', summary: 'throws', run: () => Promise.reject(new Error('on purpose')) }
  const found = await ask({ context: { checks: [{ plugin: 'p', check: broken }] } }, ['broken', 'node'])
  assert.deepEqual(
    found.map(({ check, state, plugin }) => [check, state, plugin]),
    [['node', 'ok', undefined], ['broken', 'remark', 'p']], // biome-ignore format: a table
  )
  await using asked = await patient(server, {})
  const { context } = asked
  const hangs = { name: 'hangs', summary: 'never answers', run: () => new Promise<never>(() => undefined) }
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 50)
  const [late] = await diagnose(
    { ...context, signal: controller.signal, checks: [{ plugin: 'p', check: hangs }] },
    { only: ['hangs'] },
  )
  assert.deepEqual([late?.state, late?.evidence], ['remark', 'this could not be looked at: it took too long'])
})

test('an open relay that was asked from this machine only is a remark: it may be kinder to itself', async () => {
  await using vulnerable = await vulnerableServer({ relays: true })
  const listener = {
    name: 'mx',
    host: '127.0.0.1',
    port: vulnerable.port,
    isImplicitTls: false,
    isPublic: true,
    isAskedFromInside: true,
  }
  const [found] = await ask({ port: vulnerable.port, context: { listeners: [listener] } }, ['relay'])
  assert.deepEqual([found?.state, /from this machine/.test(found?.evidence ?? '')], ['remark', true])
})

test('docs/doctor.md has a row for each check, in its words and order, and one for those of plugins', async () => {
  const text = await readFile(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([\w-]+)` \| (local|outside|self) \| (.*?) \| (.*?) ?\| /gm)]
  assert.deepEqual(
    rows.map(([, name, group, summary, rfc]) => ({ name, group, summary, rfc })),
    CHECKS.map(({ name, group, summary, rfc }) => ({ name, group, summary, rfc })),
  )
  const [, own = ''] = text.split('Plugins bring checks of their own')
  for (const { plugin, check } of server.checks)
    assert.ok(own.includes(`| \`${check.name}\` | \`${plugin}\` | ${check.summary} |`), check.name)
})
