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

test(`the whole page is no more than ${MOST} octets, compressed`, (t) => {
  const sizes = [...readConsole()].map(([path, { bytes }]) => [path, gzipSync(bytes, { level: 9 }).length] as const)
  const sum = sizes.reduce((total, [, size]) => total + size, 0)
  t.diagnostic(`${sum} octets: ${sizes.map(([path, size]) => `${path} ${size}`).join(', ')}`)
  assert.ok(sum <= MOST, `${sum} octets`)
})

test('nothing in the document is inline, and nothing is loaded from elsewhere', () => {
  const html = Buffer.from(readConsole().get('/')?.bytes ?? []).toString()
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:\/\/|["']\/\//)
  for (const [path, { bytes }] of readConsole())
    if (path !== '/icon.svg')
      assert.doesNotMatch(
        Buffer.from(bytes).toString(),
        /https?:\/\/(?!www\.w3\.org\/)/,
        `${path} names another origin`,
      )
})

test('no script makes markup of a string', () => {
  const script = Buffer.from(readConsole().get('/console.js')?.bytes ?? []).toString()
  assert.doesNotMatch(script, /insertAdjacentHTML|outerHTML|document\.write|new Function|\beval\(/)
  assert.match(CONSOLE_POLICY, /default-src 'none'/)
  assert.match(CONSOLE_POLICY, /require-trusted-types-for 'script'/)
})

test('each file has a strong validator', () => {
  const etags = [...readConsole().values()].map(({ etag }) => etag)
  assert.ok(etags.every((etag) => /^"[\w-]{43}"$/.test(etag)))
  assert.equal(new Set(etags).size, etags.length)
})
