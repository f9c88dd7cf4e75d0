import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { CONSOLE_POLICY, readConsole } from './files.ts'

/** Octets of all files of the page together, compressed: what a browser loads. */
const MOST = 60_000

before(() => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../build.ts')], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
})

for (const name of ['console', 'catch'] as const)
  test(`the whole page ${name} is no more than ${MOST} octets, compressed`, (t) => {
    const sizes = [...readConsole(name)].map(
      ([path, { bytes }]) => [path, gzipSync(bytes, { level: 9 }).length] as const,
    )
    const sum = sizes.reduce((total, [, size]) => total + size, 0)
    t.diagnostic(`${sum} octets: ${sizes.map(([path, size]) => `${path} ${size}`).join(', ')}`)
    assert.ok(sum <= MOST, `${sum} octets`)
  })

test('nothing in the document is inline, and nothing is loaded from elsewhere', () => {
  for (const name of ['console', 'catch'] as const) {
    const page = readConsole(name)
    const html = Buffer.from(page.get('/')?.bytes ?? []).toString()
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:\/\/|["']\/\//)
    for (const [path, { bytes }] of page)
      if (path !== '/icon.svg')
        assert.doesNotMatch(
          Buffer.from(bytes).toString(),
          /https?:\/\/(?!www\.w3\.org\/)/,
          `${path} names another origin`,
        )
  }
})

test('no script makes markup of a string', () => {
  for (const [page, path] of [
    ['console', '/console.js'],
    ['catch', '/catch.js'],
  ] as const) {
    const script = Buffer.from(readConsole(page).get(path)?.bytes ?? []).toString()
    assert.ok(script.length > 0)
    assert.doesNotMatch(script, /insertAdjacentHTML|outerHTML|document\.write|new Function|\beval\(/)
  }
  assert.match(CONSOLE_POLICY, /default-src 'none'/)
  assert.match(CONSOLE_POLICY, /require-trusted-types-for 'script'/)
})

test('each file has a strong validator', () => {
  const etags = [...readConsole().values()].map(({ etag }) => etag)
  assert.ok(etags.every((etag) => /^"[\w-]{43}"$/.test(etag)))
  assert.equal(new Set(etags).size, etags.length)
})
