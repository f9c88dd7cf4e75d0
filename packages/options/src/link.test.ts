import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkCounts, linkPage } from './link.ts'

test('words are words, whatever is in them; what comes below them is HTML', async () => {
  const page = linkPage({ status: 404, title: '<b>"&\'', text: '<script>', more: '<dl></dl>' }, { 'retry-after': '60' })
  const html = await page.text()
  assert.match(html, /<h1>&lt;b&gt;&quot;&amp;&#39;<\/h1>\n<p>&lt;script&gt;<\/p>\n<dl><\/dl>\n/)
  assert.deepEqual([page.status, page.headers.get('retry-after')], [404, '60'])
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/)
})

test('a right link is answered twenty times a minute, and strangers of one network thirty times', () => {
  const counts = new LinkCounts()
  const taken = (link: string | undefined, address: string, now: number) =>
    Array.from({ length: 40 }, () => counts.take(link, address, now)).filter(Boolean).length
  assert.equal(taken('one', '192.0.2.1', 0), 20)
  assert.equal(taken('two', '192.0.2.1', 0), 20)
  assert.equal(taken(undefined, '192.0.2.1', 0), 30)
  assert.equal(taken(undefined, '192.0.2.2', 0), 30)
  assert.equal(taken(undefined, '2001:db8:0:1::1', 0), 30)
  assert.equal(taken(undefined, '2001:db8:0:1:ffff::2', 0), 0, 'of the same customer')
  assert.equal(taken('one', '192.0.2.1', 60_000), 20, 'in the next minute')
})
