import assert from 'node:assert/strict'
import { test } from 'node:test'
import { played, plugin } from './fixture.test.ts'

const letter = 'Subject: x\nTo: y\n\nbody\n'
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

test('what a plugin says to next() is the reply, with the code of Haraka at that hook', async () => {
  const table: readonly (readonly [hook: string, said: string, reply: RegExp])[] = [
    ['connect', "DENY, 'go away'", /^554 5\.7\.1 go away/],
    ['connect', "DENYSOFT, 'later'", /^421 4\.7\.1 later/],
    ['ehlo', 'DENY', /^550 5\.7\.1 EHLO denied/],
    ['mail', "DENY, 'no'", /^550 5\.7\.1 no/],
    ['mail', 'DENYSOFT', /^450 4\.7\.1 sender <.+> denied/],
    ['rcpt', "DENY, '5.1.1 nobody'", /^550 5\.1\.1 nobody/],
    ['rcpt', 'DENYSOFT', /^450 4\.7\.1 recipient <.+> denied/],
    ['data', "DENY, ['one', 'two']", /^554 5\.7\.1 one/],
    ['data_post', "DENY, 'spam'", /^550 5\.7\.1 spam/],
    ['data_post', "DENYSOFT, 'busy'", /^450 4\.7\.1 busy/],
  ]
  for (const [hook, said, reply] of table) {
    const folder = plugin(`exports.hook_${hook} = (next) => next(${said})`)
    await played([{ folder }], async (session) => {
      const { reply: last, replies } = await (hook === 'ehlo'
        ? session.helo()
        : session.mail('a@client.test').rcpt('b@mx.test').data(letter))
      const all = [...replies, ...(last ? [last] : [])].map(
        ({ code, status, text: words }) => `${code} ${status} ${words}`,
      )
      assert.ok(
        all.some((one) => reply.test(one)),
        `${hook}: ${all.join('; ')}`,
      )
    })
  }
})

test('header fields that were not changed leave as the octets that came', async () => {
  const folder = plugin(`
    exports.hook_data_post = (next, { transaction }) => {
      transaction.add_header('X-End', 'last')
      transaction.add_leading_header('X-Top', 'first')
      transaction.remove_header('X-Gone')
      next()
    }`)
  const odd = Buffer.from(
    'Subject:  \xe9  odd\r\n\tfolded\r\nX-Gone: a\r\nx-gone: b\r\nTo: y\r\n\r\nbody\r\n',
    'latin1',
  )
  await played([{ folder }], (session) =>
    session.data(odd).expectDelivered(({ bytes }) => {
      assert.match(
        text(bytes),
        /^X-Top: first\r\nReceived: [\s\S]*Subject: {2}\xe9 {2}odd\r\n\tfolded\r\nTo: y\r\nX-End: last\r\n\r\nbody\r\n$/,
      )
    }),
  )
})

test('a chain is serial and ends with its first answer; priorities go before the order of lines', async () => {
  const folder = plugin(`
    exports.register = function () {
      for (const [name, at] of [['c', 10], ['a', -10], ['b', 0]]) this.register_hook('mail', name, at)
    }
    const note = (name) => (next, { notes }) => { (notes.order ??= []).push(name); setTimeout(next, 1) }
    exports.a = note('a'); exports.b = note('b')
    exports.c = (next, { notes }) => next(DENY, notes.order.join())
    exports.hook_rcpt = (next) => next(DENY, 'not reached')`)
  await played([{ folder }], (session) => session.mail('a@client.test').expectRefusal('5.7.1', / a,b$/))
})

test('a plugin that throws, rejects or forgets next() has failed: the mail is deferred, and nothing ends', async () => {
  for (const code of ["throw new Error('x')", "await null; throw new Error('x')", '']) {
    const folder = plugin(`exports.hook_mail = async (next) => { ${code} }`, { 'own.timeout': '0.05' })
    await played([{ folder }], (session) => session.mail('a@client.test').expectRefusal('4.3.0'))
  }
  const sync = plugin("exports.hook_mail = () => { throw new Error('x') }")
  await played([{ folder: sync }], (session) => session.mail('a@client.test').expectRefusal('4.3.0'))
  await played([[{ folder: sync }, { onError: 'pass' }]], (session) => session.mail('a@client.test').expectAccepted())
})

test('failOpen is what Haraka does: a throw passes, silence is DENYSOFT', async () => {
  const throws = plugin("exports.hook_mail = () => { throw new Error('x') }")
  await played([{ folder: throws, failOpen: true }], (session) => session.mail('a@client.test').expectAccepted())
  const silent = plugin('exports.hook_mail = () => {}', { plugin_timeout: '0.05' })
  await played([{ folder: silent, failOpen: true }], (session) =>
    session.mail('a@client.test').expectRefusal('4.7.1', /plugin timeout/),
  )
})

test('next() twice counts once, and the log says so', async () => {
  const folder = plugin("exports.hook_mail = (next) => { next(); next(DENY, 'second') }")
  await played([{ folder }], async (session) => {
    const { lines } = await session.mail('a@client.test').expectAccepted()
    assert.ok(lines.some(({ haraka, what }) => haraka === 'own' && /once more/.test(String(what))))
  })
})

test('the hook deny takes a refusal back, and the plugins after it are asked', async () => {
  const folder = plugin(`
    exports.register = function () { this.register_hook('rcpt', 'after', 1) }
    exports.hook_rcpt = (next) => next(DENY, 'no')
    exports.after = (next, { results }) => { results.add({ name: 'seen' }, { pass: 'after' }); next() }
    exports.hook_deny = (next, connection, params) => {
      const [code, text, name, method, , hook] = params
      connection.results.add({ name: 'denied' }, { msg: [code === DENY, text, name, method, hook].join() })
      next(hook === 'rcpt' ? OK : CONT)
    }
    exports.hook_data_post = (next, { results }) => next(DENY, results.get('denied').msg[0] + results.get('seen').pass[0])`)
  await played([{ folder }], (session) =>
    session
      .rcpt('b@mx.test')
      .expectAccepted()
      .data(letter)
      .expectRefusal('5.7.1', / true,no,own,hook_rcpt,rcptafter$/),
  )
})

test('OK at rcpt, or relaying, gives the route of the options; nobody relays without', async () => {
  const folder = plugin(`
    exports.hook_rcpt = (next, connection, [to]) => {
      if (to.user === 'relay') connection.relaying = true
      next(to.host === 'ours.test' ? OK : CONT)
    }`)
  const options = { folder, route: { via: 'maildir' }, relay: { via: 'smtp', host: 'out.test' } }
  await played([options], (session) =>
    session
      .rcpt('b@ours.test')
      .expectRoute({ via: 'maildir' })
      .rcpt('relay@other.test')
      .expectRoute({ via: 'smtp', host: 'out.test' }),
  )
})

test('a plugin with a log hook hears what plugins say by themselves and of a connection', async () => {
  const folder = plugin(`
    const heard = []
    exports.hook_log = (next, logger, { level, data }) => { heard.push(level + ' ' + data); next() }
    exports.hook_mail = function (next, connection) {
      this.lognotice('one')
      connection.logwarn(this, 'two')
      next(DENY, heard.join('; '))
    }`)
  await played([{ folder }], (session) =>
    session
      .mail('a@client.test')
      .expectRefusal('5.7.1', /NOTICE \[NOTICE\] \[-\] \[own\] one; WARN \[WARN\] \[[^\]]{2,}\] \[own\] two/),
  )
})

test('several uses share connection and transaction, as the lines of one config/plugins', async () => {
  const first = plugin(`
    exports.hook_connect = (next, { notes }) => { notes.seen = 'connect'; setTimeout(next, 5) }
    exports.hook_rcpt = (next) => next(OK)
    exports.hook_data_post = (next, { transaction }) => { transaction.add_header('X-First', '1'); next() }`)
  const second = plugin(`
    exports.hook_rcpt = (next) => next(DENY, 'asked after OK')
    exports.hook_data_post = (next, { notes, transaction }) =>
      next(notes.seen === 'connect' && transaction.header.get('x-first') === '1' && transaction.rcpt_to.length === 1 ? CONT : DENY)
    exports.hook_queue_ok = (next, { transaction }) => { transaction.notes.queued = true; next() }`)
  await played([{ folder: first }, { folder: second }], (session) => session.data(letter).expectAccepted())
})

test('a use in the shadow is heard and changes nothing', async () => {
  const folder = plugin(`
    exports.hook_mail = (next, { notes }) => { notes.shadow = true; next(DENY, 'no') }
    exports.hook_data_post = (next, { transaction }) => { transaction.add_header('X-Shadow', '1'); next() }`)
  const other = plugin('exports.hook_rcpt = (next, { notes }) => next(notes.shadow ? DENY : CONT)')
  await played([[{ folder }, { mode: 'shadow' }], { folder: other }], (session) =>
    session.data(letter).expectDelivered(({ bytes }) => assert.doesNotMatch(text(bytes), /X-Shadow/)),
  )
})

test('message_stream may be read several times at once, in the forms that scanners want', async () => {
  const folder = plugin(`
    const { Writable } = require('node:stream')
    const read = (stream, options) => new Promise((done) => {
      const all = []
      stream.pipe(new Writable({ write(piece, _, next) { all.push(piece); next() }, final(next) { done(Buffer.concat(all)); next() } }), options)
    })
    exports.hook_data_post = async (next, { transaction }) => {
      transaction.add_header('X-New', '1')
      const { message_stream: s } = transaction
      const [whole, bare, body, stuffed, clamd, data] = await Promise.all([
        read(s), read(s, { line_endings: '\\n' }), read(s, { skip_headers: true }), read(s, { ending_dot: true }),
        read(s, { clamd_style: true }), new Promise((done) => s.get_data(done)),
      ])
      const first = clamd.readUInt32BE(0)
      const wrong = [
        !/\\r\\nX-New: 1\\r\\n\\r\\n\\.dot\\r\\n$/.test(whole.toString()) && 'whole',
        bare.includes('\\r') && 'bare', body.toString() !== '.dot\\r\\n' && 'body',
        !stuffed.toString().endsWith('\\r\\n..dot\\r\\n.\\r\\n') && 'stuffed',
        (clamd.subarray(4, 4 + first).indexOf('\\r\\n') !== first - 2 || clamd.readUInt32BE(clamd.length - 4) !== 0) && 'clamd',
        !data.equals(whole) && 'data',
      ].filter(Boolean)
      next(wrong.length ? DENY : CONT, wrong.join())
    }`)
  await played([{ folder }], (session) => session.data('Subject: x\n\n.dot\n').expectAccepted())
})

test('the body is parsed where a plugin asks for it, with its attachments; banner and filters make another one', async () => {
  const folder = plugin(`
    exports.hook_data = (next, { transaction }) => {
      transaction.attachment_hooks((type, name) => { transaction.notes.file = type + name })
      next()
    }
    exports.hook_data_post = (next, { transaction: { notes, body } }) =>
      next(notes.file === 'application/pdf; name=a.pdfa.pdf' && /hello/.test(body.children[0].bodytext) ? CONT : DENY, notes.file)`)
  const mixed = [
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'hello',
    '--b',
    'Content-Type: application/pdf; name=a.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    'AAAA',
    '--b--',
    '',
  ].join('\n')
  await played([{ folder }], (session) => session.data(mixed).expectAccepted())
  const banner = plugin("exports.hook_data = (next, { transaction }) => { transaction.set_banner('-- ours'); next() }")
  await played([{ folder: banner }], (session) =>
    session.data(letter).expectDelivered(({ bytes }) => assert.match(text(bytes), /\r\n\r\nbody\r\n[\s\S]*-- ours/)),
  )
})

test('recipients that a plugin replaces, adds and removes, and another sender', async () => {
  const folder = plugin(`
    const { Address } = require('@haraka/email-address')
    exports.hook_rcpt = (next, { transaction }, [to]) => {
      if (to.user === 'alias') { transaction.rcpt_to.pop(); transaction.rcpt_to.push(new Address('<real@mx.test>')) }
      next(OK)
    }
    exports.hook_data_post = (next, { transaction }) => {
      transaction.mail_from = new Address('<srs@mx.test>')
      transaction.rcpt_to.push(new Address('<archive@mx.test>'))
      next()
    }`)
  await played([{ folder, route: { via: 'x' } }], (session) =>
    session
      .rcpt('alias@mx.test')
      .rcpt('plain@mx.test')
      .data(letter)
      .expectDelivered(({ from, to }) => {
        assert.equal(from, 'srs@mx.test')
        assert.deepEqual([...to].sort(), ['archive@mx.test', 'plain@mx.test', 'real@mx.test'])
      }),
  )
})

test('auth_results becomes one field in our name, and one that the sender brought goes', async () => {
  const folder = plugin(
    "exports.hook_mail = (next, connection) => { connection.auth_results('spf=pass smtp.mailfrom=x'); next() }",
  )
  await played([{ folder }], (session) =>
    session.data(`Authentication-Results: mx.test; spf=pass\n${letter}`).expectDelivered(({ bytes }) => {
      const fields = text(bytes).match(/^Authentication-Results:[\s\S]*?\r\n(?!\t)/gm)
      assert.deepEqual(fields, ['Authentication-Results: mx.test;\r\n\tspf=pass smtp.mailfrom=x\r\n'])
    }),
  )
})

test('AUTH is judged by check_plain_passwd, and who has logged in relays', async () => {
  const folder = plugin(`
    exports.check_plain_passwd = (connection, user, password, done) => {
      if (user === 'down') throw new Error('directory is down')
      done(password === 'right')
    }
    exports.hook_mail = (next, { relaying, results }) => next(relaying && results.get('auth').user === 'ann' ? CONT : DENY)`)
  const login = (username: string, password: string) => ({ username, password })
  await played([{ folder }], async (session, server) => {
    await session.tls().auth(login('ann', 'right')).mail('a@mx.test').expectAccepted()
    const { sessionOn } = await import('@postroad/testing')
    await sessionOn(server).tls().auth(login('ann', 'wrong')).expectRefusal('5.7.8')
    await sessionOn(server).tls().auth(login('down', 'x')).expectCode(451)
  })
})

test('a plugin that cannot run is a mistake that says why, and what was meant', async () => {
  const mistakes: readonly (readonly [object, RegExp])[] = [
    [{ plugin: 'haeders' }, /plugin "haeders" is not there: .*did you mean "headers"\?/s],
    [{ plugin: 'tls' }, /does what the server does itself: use `certificateFiles`/],
    [{ plugin: 'clamd' }, /npm install haraka-plugin-clamd/],
    [{ folder: plugin("throw new Error('broken')") }, /plugin "own" cannot be loaded: broken/],
    [{ folder: '/nowhere' }, /folder: there is no folder \/nowhere/],
    [{}, /nothing is to be run/],
    [{ plugin: 'a', plugins: ['b'] }, /is given beside `plugin`/],
  ]
  for (const [options, reason] of mistakes)
    await assert.rejects(
      played([options as never], () => undefined),
      reason,
    )
})
