import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import fc from 'fast-check'
import { readHtml } from './html-document.ts'
import { linksOf, looksLike, mixesScripts, opinionsOn, readLink, registeredDomain, Signals } from './index.ts'

const mimeOf = (html: string, type = 'text/html') =>
  messageFromBytes(Buffer.from(`Content-Type: ${type}; charset=utf-8\r\n\r\n${html}`)).mime()

async function hosts(html: string, type?: string): Promise<readonly string[]> {
  return linksOf(await mimeOf(html, type)).links.map(({ host }) => host)
}

test('links of HTML are read as browsers read them', async () => {
  for (const [html, host] of [
    ['<a href="http://a.test/x">x</a>', 'a.test'],
    ['<a href=" \nhttp://a\n.te&#115;t/">x</a>', 'a.test'],
    ['<A HREF=http://A.test>x</a>', 'a.test'],
    ['<a href="//a.test/x">x</a>', 'a.test'],
    ['<a href="http:\\\\a.test\\x">x</a>', 'a.test'],
    ['<a href="http://3232235777/">x</a>', '192.168.1.1'],
    ['<a href="http://0xC0.0xA8.1.1/">x</a>', '192.168.1.1'],
    ['<a href="http://[2001:db8::1]/">x</a>', '2001:db8::1'],
    ['<a href="http://bücher.test/">x</a>', 'xn--bcher-kva.test'],
    ['<a href="http://%61.test/">x</a>', 'a.test'],
    ['<base href="http://a.test/b/"><a href="c">x</a>', 'a.test'],
    ['<form action="https://a.test/login"></form>', 'a.test'],
    ['<img src="https://a.test/p.gif">', 'a.test'],
    ['<meta http-equiv="Refresh" content="0; URL=\'http://a.test/\'">', 'a.test'],
    ['<button formaction="https://a.test/">', 'a.test'],
    ['<a href="http://b.test@a.test/">x</a>', 'a.test'],
  ] as const)
    assert.deepEqual(await hosts(html), [host], html)
})

test('links of text have a scheme, or look like it', async () => {
  assert.deepEqual(await hosts('see www.example.com/x, example.co.uk or http://1.2.3.4/.', 'text/plain'), [
    'www.example.com',
    'example.co.uk',
    '1.2.3.4',
  ])
  assert.deepEqual(await hosts('version 1.2.3 of foo.bar, a@example.com', 'text/plain'), [])
})

test('a link in a link is where a redirector goes to', () => {
  for (const href of [
    'https://r.test/?u=https%3A%2F%2Fa.example.com%2Fx',
    'https://r.test/go?url=https://a.example.com/x&b=c',
    'https://r.test/https://a.example.com/x',
  ])
    assert.equal(readLink(href)?.target?.domain, 'example.com', href)
  assert.equal(readLink('https://r.test/?u=1')?.target, undefined)
  assert.equal(readLink('https://r.test/go?to=https%3A%2F%2Fa.test%2Fx#end')?.target?.url.href, 'https://a.test/x')
})

test('links are read once of a message, and not of another', async () => {
  const mime = await mimeOf('<a href="http://a.test/">x</a>')
  assert.equal(linksOf(mime), linksOf(mime))
  assert.deepEqual(
    linksOf(await mimeOf('<a href="http://b.test/">x</a>')).links.map(({ host }) => host),
    ['b.test'],
  )
})

test('a registered domain is one below a public suffix', () => {
  assert.equal(registeredDomain('a.b.example.co.uk'), 'example.co.uk')
  assert.equal(registeredDomain('x.github.io'), 'x.github.io')
  assert.equal(registeredDomain('localhost'), undefined)
})

test('letters that look like others are told', () => {
  assert.equal(looksLike('аррӏе.com'), 'apple.com')
  assert.equal(looksLike('paypäl.com'), undefined)
  assert.equal(looksLike('apple.com'), undefined)
  assert.ok(mixesScripts('pаypal')) // its second letter is Cyrillic
  assert.ok(!mixesScripts('Привет world'))
  assert.ok(!mixesScripts('日本語abc'))
})

test('what HTML shows and hides is counted', () => {
  const html = readHtml(
    '<title>no</title><p>shown</p><div style="DISPLAY : none">hid<b>den</b></div><span style="color:#FFF;background:white">x</span>pay\u200bpal<script>var a</script><input type=Password>',
  )
  assert.deepEqual([html.shown, html.hidden, html.splitWords, html.scripts, html.hasPassword], [12, 7, 1, 1, true])
})

test('the text of a link goes to its end, and the next one has its own', () => {
  assert.deepEqual(
    readHtml('<a href=http://a.test>one <b>&amp; two</b><a href=http://b.test>three</a> four').links.map(
      ({ text }) => text,
    ),
    ['one & two', 'three'],
  )
})

test('signals have their evidence once, made harmless, and become opinions', () => {
  const signals = new Signals({ a: 2, b: 'none', c: 'reject' })
  for (const evidence of ['x', 'x', 'y\n\u202e', 'z'.repeat(500)]) signals.add('a', evidence)
  signals.add('b', 'x')
  signals.add('c', 'x')
  const [a, c] = signals.all
  assert.deepEqual(a?.evidence.slice(0, 2), ['x', 'y\\u{a}\\u{202e}'])
  assert.equal(a?.evidence[2]?.length, 120)
  assert.equal(c?.signal, 'c')
  const opinions = opinionsOn(signals.all, { about: 'p', text: ({ signal }) => `no ${signal}` })
  assert.deepEqual(
    opinions.map(({ kind }) => kind),
    ['suspect', 'reject'],
  )
  const [, refusal] = opinions
  assert.ok(refusal?.kind === 'reject' && refusal.text === 'no c')
})

test('anything can be read, and bombs cost a bounded time', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      readHtml(`<a href="${text}">${text}<div style="${text}">`)
      readLink(text)
    }),
  )
  for (const unit of [
    '<a href=http://a.com/>',
    '<div style=display:none>',
    '<a ',
    'a.com ',
    'http://',
    '&zwnj;a',
    '<img src=x>',
  ]) {
    const mime = await mimeOf(
      unit.repeat(Math.ceil(300_000 / unit.length)),
      unit.includes('<') ? 'text/html' : 'text/plain',
    )
    void mime.text
    const begun = process.cpuUsage()
    const { links } = linksOf(mime)
    const { user } = process.cpuUsage(begun)
    assert.ok(links.length <= 500)
    assert.ok(user < 1_000_000, `${unit}: ${user / 1_000} ms`)
  }
})
