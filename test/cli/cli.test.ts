/** The command `postroad`, run as an operator runs it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { SmtpClient } from '../failure/smtp-client.ts'
import { collect, EXPORT, Operator, rule, send, until } from './operator.ts'

const operator = await Operator.begin()
const { folder } = operator
const run: Operator['run'] = (...args) => operator.run(...args)
const config: Operator['config'] = (name, text) => operator.config(name, text)
after(() => operator.end())

test('--help tells what there is, and so does no command at all', async () => {
  const { code, out } = await run('--help')
  assert.equal(code, 0)
  for (const command of ['start', 'check', 'explain', 'try']) assert.match(out, new RegExp(`^ {2}${command} `, 'm'))
  assert.match((await run('start', '--help')).out, /Ctrl-C drains/)
  assert.match((await run()).out, /Usage: postroad/)
})

test('check: a configuration without mistakes, with mistakes, and none at all', async () => {
  assert.deepEqual(await run('check', await config('good.ts', rule('bad'))), {
    code: 0,
    out: 'The configuration is fine.\n',
    err: '',
  })
  const wrong = rule('bad')
    .replace('.listen(', ".use({} as never, { mode: 'x' as never }).listen(")
    .replace('route:', 'rout:')
  const { code, out } = await run('check', '--json', await config('wrong.ts', wrong))
  assert.equal(code, 1)
  assert.deepEqual(
    JSON.parse(out)
      .mistakes.map((one: { code: string }) => one.code)
      .toSorted(),
    ['ERR_HOOK', 'ERR_USE'],
  )
  const none = await run('check', 'nowhere.ts')
  assert.equal(none.code, 1)
  assert.match(none.err, /There is no configuration at nowhere\.ts/)
  const broken = await run('check', await config('broken.ts', `${EXPORT} {`))
  assert.equal(broken.code, 1)
  assert.match(broken.err, /broken\.ts cannot be loaded/)
})

test('explain prints scopes, hooks and what would surprise', async () => {
  const name = await config('good.ts', rule('bad'))
  const { out } = await run('explain', name)
  assert.match(out, /scope server\n {2}listens {4}127\.0\.0\.1:0 \(smtp/)
  assert.match(out, /queue {6}road/)
  assert.match(out, /note {7}nobody answers quarantine/)
  const [scope] = JSON.parse((await run('explain', '--json', name)).out)
  assert.equal(scope.hooks.route[0][0].plugin, 'road')
})

test('try runs a message through the hooks, prints opinions and the reply, and delivers nothing', async () => {
  const name = await config('good.ts', rule('bad'))
  await writeFile(path.join(folder, 'bad.eml'), 'Subject: bad\n\nx\n')
  await writeFile(path.join(folder, 'good.eml'), 'Subject: good\n\nx\n')
  const refused = await run('try', 'bad.eml', '--config', name, '--to', 'a@ours.test', '--from', 'b@c.test')
  assert.equal(refused.code, 1)
  assert.match(refused.out, /\. {2,}550 5\.7\.1 not that one/)
  const taken = await run('try', 'good.eml', '--config', name, '--to', 'a@ours.test', '--json')
  assert.equal(taken.code, 0)
  const { transaction, steps } = JSON.parse(taken.out)
  assert.equal(transaction.points, 1.5)
  assert.match(steps.at(-1).reply, /^250 .* queued as rehearsal/)
  const strict = await config(
    'strict.ts',
    rule('bad').replace("hostname: 'mx.test',", "hostname: 'mx.test', thresholds: { reject: 1 },"),
  )
  assert.match(
    (await run('try', 'good.eml', '--config', strict, '--to', 'a@ours.test')).out,
    /thresholds: reject from 1, for 1\.5 points of a@ours\.test/,
  )
  const relay = await run('try', 'good.eml', '--config', name, '--to', 'a@elsewhere.test')
  assert.match(relay.out, /RCPT TO:<a@elsewhere\.test> +550 5\.7\.1 Relaying denied/)
})

test('try shows what a mail server that asks would be told: nothing is routed, and the judgement is a line', async () => {
  const name = await config('good.ts', rule('bad'))
  await writeFile(path.join(folder, 'bad.eml'), 'Subject: bad\n\nx\n')
  await writeFile(path.join(folder, 'good.eml'), 'Subject: good\n\nx\n')
  const ask = (file: string, ...more: string[]) =>
    run('try', file, '--config', name, '--to', 'a@elsewhere.test', '--from', 'b@c.test', '--protocol', ...more)
  const refused = await ask('bad.eml', 'milter')
  assert.equal(refused.code, 1)
  assert.match(refused.out, /\(judged\) +refuse: 550 5\.7\.1 not that one/)
  const passed = await ask('good.eml', 'milter', '--json')
  const { transaction, steps } = JSON.parse(passed.out)
  assert.deepEqual([passed.code, steps.at(-1)], [0, { command: '(judged)', reply: 'pass' }])
  assert.deepEqual([transaction.protocol, transaction.judged], ['milter', { outcome: 'pass' }])
  const held = await config('held.ts', rule('bad').replaceAll(/\breject\b/g, 'quarantine'))
  const aside = await run('try', 'bad.eml', '--config', held, '--to', 'a@x.test', '--protocol', 'milter')
  assert.match(aside.out, /\(judged\) +quarantine: not that one/)
  assert.equal(aside.code, 0)
  const envelope = await ask('bad.eml', 'policy')
  assert.match(envelope.out, /\(judged\) +pass/)
  const wrong = await ask('bad.eml', 'uucp')
  assert.match(wrong.err, /Allowed choices are smtp, lmtp, milter, policy/)
})

test('start listens, logs one line a transaction, reloads on SIGHUP, and drains on SIGTERM with exit code 0', async (context) => {
  const name = await config('live.ts', rule('first'))
  const child = operator.spawn(['start', name, '--log', 'json'])
  context.after(() => child.kill('SIGKILL'))
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const port = Number(await until(() => /127\.0\.0\.1:(\d+)/.exec(out())?.[1]))
  assert.match(await send(port, 'first'), /^550 5\.7\.1 not that one/)
  await config('live.ts', rule('second'))
  child.kill('SIGHUP')
  await until(() => (out().includes('"reloaded"') ? 'yes' : undefined))
  assert.match(await send(port, 'second'), /^550 5\.7\.1 not that one/)
  assert.match(await send(port, 'first'), /^250 2\.0\.0 Ok/)
  await config('live.ts', `${EXPORT} 5`)
  child.kill('SIGHUP')
  await until(() => (out().includes('the old one goes on') ? 'yes' : undefined))
  assert.match(await send(port, 'second'), /^550/)
  const idle = await SmtpClient.connect(port)
  await idle.reply()
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.match(await idle.reply(), /^421 4\.3\.2/)
  assert.deepEqual(await exited, [0, null])
  // Nothing else is said, on either stream: a program reads it.
  assert.equal(err(), '')
  const lines = out()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    [lines[0].hostname, lines[0].process, lines[0].listeners],
    ['mx.test', child.pid, { mx: `127.0.0.1:${port}` }],
  )
  const transactions = lines.filter((line) => line.event === 'transaction')
  assert.equal(transactions.length, 4)
  assert.deepEqual(transactions[0].opinions, [
    { plugin: 'road', hook: 'message', kind: 'reject', status: '5.7.1', text: 'not that one' },
  ])
  assert.match(transactions[0].reply, /^550/)
})

test('a reload reads what the configuration imports anew, however far below, and says what only a restart can do', async (context) => {
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(path.dirname(path.join(operator.folder, name)), { recursive: true })
    await config(name, text)
  }
  const deep = (subject: string): Promise<void> => write('rules/deep.ts', `export const subject = '${subject}'`)
  const common = (subject: string): Promise<void> => write('rules/common.cjs', `module.exports = '${subject}'`)
  const installed = (text: string): Promise<void> =>
    write('node_modules/installed/index.js', `export const text = '${text}'`)
  await write(
    'node_modules/installed/package.json',
    '{ "name": "installed", "type": "module", "exports": "./index.js" }',
  )
  await Promise.all([deep('first'), common('common first'), installed('not that one')])
  await write(
    'rules/rule.ts',
    `export { subject } from './deep.ts'\nexport { default as common } from './common.cjs'\nexport { text } from 'installed'`,
  )
  const using = `import { common, subject, text } from './rules/rule.ts'\n${rule('x')}`
    .replace("=== 'x'", '=== subject || message.headers.get("subject") === common')
    .replace("reject('not that one')", 'reject(text)')
  const child = operator.spawn(['start', await config('imports.ts', using), '--log', 'json'])
  context.after(() => child.kill('SIGKILL'))
  const out = collect(child.stdout)
  const port = Number(await until(() => /127\.0\.0\.1:(\d+)/.exec(out())?.[1]))
  for (const name of ['first', 'common first']) assert.match(await send(port, name), /^550 5\.7\.1 not that one/)
  await Promise.all([deep('second'), common('common second'), installed('another')])
  child.kill('SIGHUP')
  await until(() => (out().includes('"reloaded"') ? 'yes' : undefined))
  for (const name of ['first', 'common first']) assert.match(await send(port, name), /^250/)
  // What is installed goes on as it was, and that is said.
  for (const name of ['second', 'common second']) assert.match(await send(port, name), /^550 5\.7\.1 not that one/)
  await until(() => /"packages":\["installed"\]/.exec(out())?.[0])
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('a port that is taken is an error that says so', async () => {
  const taken = rule('x').replace('port: 0', 'port: 0, path: undefined as never').replace('port: 0', 'port: 1')
  const file = await config('taken.ts', taken.replace("host: '127.0.0.1'", "host: '192.0.2.77'"))
  const { code, err } = await run('start', file)
  assert.equal(code, 1)
  assert.match(err, /could not listen on 192\.0\.2\.77:1/)
  const asJson = await run('start', file, '--log', 'json')
  const { level, error } = JSON.parse(asJson.err)
  assert.deepEqual(
    [asJson.code, asJson.out, level, error.code, error.cause.syscall],
    [1, '', 'error', 'ERR_BIND', 'listen'],
  )
  const unknown = await run('start', file, '--log', 'xml')
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /'xml' is invalid\. Allowed choices are json, pretty, silent/)
})

test('the same configuration as YAML and JSON: plugins by package name, mistakes by path', async () => {
  const yaml = `hostname: mx.test
folder: kept
use:
  - plugin: routing
    options: { domains: { ours.test: { via: maildir } } }
  - plugin: maildir
    options: { folder: mail }
listen:
  - { host: 127.0.0.1, port: 0 }
`
  assert.deepEqual(await run('check', await config('c.yaml', yaml)), {
    code: 0,
    out: 'The configuration is fine.\n',
    err: '',
  })
  const wrong = await run(
    'check',
    await config('d.yaml', yaml.replace('port: 0', 'prot: 0').replace('hostname', 'hostnaem')),
  )
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /listen\.0.*prot/)
  assert.match(wrong.err, /hostnaem/)
  const absent = await run('check', await config('e.yaml', yaml.replace('plugin: maildir', 'plugin: no-such-plugin')))
  assert.match(absent.err, /"no-such-plugin"\. `npm install @postroad\/no-such-plugin`/)
})

test('nothing was left behind but what is kept', async () => {
  assert.ok((await readdir(path.join(folder, 'kept'))).includes('incoming'))
  assert.deepEqual(await readdir(path.join(folder, 'kept', 'incoming')), [])
  assert.ok((await readFile(path.join(folder, 'good.ts'), 'utf8')).length > 0)
})

test('a plugin that several scopes use has its commands for each: all answer what only looks', async () => {
  const file = await config(
    'scopes.config.ts',
    `import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
const rules = (domain: string) => routing({ domains: { [domain]: { via: 'maildir' } } })
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', setup: (app) => void app
  .scope('in', (scope) => void scope.use(rules('ours.test')).listen({ name: 'in', host: '127.0.0.1', port: 0 }))
  .scope('out', (scope) => void scope.use(rules('theirs.test')).listen({ name: 'out', host: '127.0.0.1', port: 0 })) })
`,
  )
  const both = await run('route', 'x@ours.test', '--json', '--config', file)
  assert.deepEqual([both.code, both.err], [0, ''], 'one of them knows')
  const rows = both.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    rows.map(({ scope, via, answer }) => [scope, via ?? answer]),
    [
      ['in', 'maildir'],
      ['out', '550 5.7.1 Relaying denied'],
    ],
  )
  assert.equal((await run('routing', 'route', 'x@elsewhere.test', '--config', file)).code, 68)
  const wrong = await run('route', '--config', file)
  assert.equal(wrong.code, 64)
  assert.match(wrong.err, /postroad routing@in route <address>/)
  assert.match((await run('routing@in', 'route', 'x@ours.test', '--config', file)).out, /maildir/)
  assert.match((await run('routing@out', 'route', 'x@ours.test', '--config', file)).out, /Relaying denied/)
})
