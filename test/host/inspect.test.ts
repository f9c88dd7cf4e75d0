/** What is found before any mail: ways that nobody takes, folders that cannot be written. Looking makes and changes nothing. */
import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type App, type Config, createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { maildir } from '@postroad/maildir'
import { Dns, definePlugin } from '@postroad/plugin'
import { proxy } from '@postroad/proxy'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { MailRecords, openRecords } from '@postroad/records'
import { routing } from '@postroad/routing'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { ROOT } from '../structure/workspace.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'postroad-'))
after(() => rm(folder, { recursive: true }))

/** Code, scope and text of what is found. */
async function inspected(config: Config, base = folder): Promise<readonly string[]> {
  const { services, close } = embeddedServices(path.resolve(base, config.folder ?? 'var', 'services'))
  const dns = { service: Dns, create: () => zoneDns({}) }
  const records = {
    service: MailRecords,
    create: () => openRecords({ folder: path.resolve(base, config.folder ?? 'var', 'records') }),
  }
  const server = await createServer(
    { ...config, log: { format: 'silent' } },
    { base, services: [...services, dns, records], looks: true },
  )
  const found = await server.inspect()
  await server.close()
  await close()
  return found.map(({ scope, error }) => `${error.code} ${scope}: ${error.message}`)
}

const found = (setup: (app: App) => void, settings: Partial<Config> = {}): Promise<readonly string[]> =>
  inspected({
    hostname: 'mx.test',
    folder: 'kept',
    setup: (app) => void setup(app.listen({ name: 'mx', port: 0 })),
    ...settings,
  })

const HERE = { to: { host: '127.0.0.1' } }

test('every way that nobody takes is found, with its place: domains, relay, rules, aliases, tables, notifications', async () => {
  await writeFile(path.join(folder, 'table'), '@list.test lmtp list.test\n@more.test lmtp\n')
  const list = await found((app) =>
    app
      .use(
        routing({
          routes: [
            { name: 'big', match: '*@big.test', via: 'big' },
            { match: '*@trap.test', discard: true },
          ],
          addresses: { 'a@ours.test': { via: 'alias' }, 'b@ours.test': ['a@ours.test'] },
          domains: { 'ours.test': { via: 'maildri' }, 'well.test': { via: 'maildir' }, 'too.test': { via: 'maildri' } },
          tables: [{ file: 'table' }],
          relay: { networks: ['127.0.0.1'], via: 'smpt' },
        }),
      )
      .use(queue({ maildir: { folder: 'mail' }, reports: { via: 'report' } })),
  )
  assert.deepEqual(list, [
    'ERR_VIA server: scope "server": routing sends mail by "big" (routes[0], "big"), which nobody there takes',
    'ERR_VIA server: scope "server": routing sends mail by "alias" (addresses["a@ours.test"]), which nobody there takes',
    'ERR_VIA server: scope "server": routing sends mail by "maildri" (domains["ours.test"], domains["too.test"]), which nobody there takes',
    'ERR_VIA server: scope "server": routing sends mail by "lmtp" (tables[0]["@list.test"]), which nobody there takes',
    'ERR_VIA server: scope "server": routing sends mail by "smpt" (relay), which nobody there takes',
    'ERR_VIA server: scope "server": queue sends mail of its own by "report" (reports), for which it has no transport',
  ])
  assert.deepEqual(await readdir(folder), ['table'], 'nothing was made')
})

test('what a scope reaches counts: its own plugins and those around it, not those beside it, nor those in shadow mode', async () => {
  const list = await inspected({
    folder: 'kept',
    setup: (app) =>
      void app
        .use(routing({ domains: { 'ours.test': { via: 'maildir' } } }))
        .scope(
          'good',
          (scope) => void scope.use(queue({ maildir: { folder: 'mail' } })).listen({ port: 0, name: 'good' }),
        )
        .scope('bad', (scope) => void scope.use(proxy(HERE)).listen({ port: 0, name: 'bad' }))
        .scope(
          'shadow',
          (scope) =>
            void scope.use(queue({ maildir: { folder: 'mail' } }), { mode: 'shadow' }).listen({ port: 0, name: 'x' }),
        ),
  })
  assert.deepEqual(list, [
    'ERR_VIA bad: scope "bad": routing sends mail by "maildir" (domains["ours.test"]), which nobody there takes',
    'ERR_VIA shadow: scope "shadow": routing sends mail by "maildir" (domains["ours.test"]), and nobody answers queue',
  ])
})

test('addresses elsewhere go by the default of relay: it has to be taken, too', async () => {
  const addresses = { 'a@ours.test': ['b@elsewhere.test', 'c@ours.test', '{local}@{domain}.test'] }
  const rules = routing({ addresses, domains: { 'ours.test': { via: 'proxy' } } })
  assert.deepEqual(await found((app) => app.use(rules).use(proxy(HERE))), [
    'ERR_VIA server: scope "server": routing sends mail by "smtp" ("a@ours.test" to b@elsewhere.test, without "relay"), which nobody there takes',
  ])
  assert.deepEqual(await found((app) => app.use(rules).use(proxy(HERE)).use(queue())), [])
})

test('folders that cannot be made are found once, by what is in the way; of mailboxes that nobody makes the folder has to be there', async () => {
  await writeFile(path.join(folder, 'file'), '')
  const domains = { 'ours.test': { via: 'maildir' }, 'inline.test': { via: 'inline' } }
  const list = await found((app) =>
    app
      .use(routing({ domains }))
      .use(queue({ folder: 'file/queue', maildir: { folder: 'file' } }))
      .use(maildir({ via: 'inline', folder: 'absent', create: false })),
  )
  assert.equal(list.length, 2, list.join('\n'))
  assert.match(
    list[0] ?? '',
    /^ERR_FOLDER server: queue: folder .*file\/queue cannot be used: ENOTDIR: not a directory, '.*\/file'$/,
  )
  assert.match(list[1] ?? '', /^ERR_FOLDER server: maildir: folder .*absent cannot be used: ENOENT: /)
  const whole = await found((app) => app.use(routing({})).use(quarantine({})).use(queue()), { folder: 'file' })
  assert.equal(whole.length, 1, whole.join('\n'))
  assert.match(whole[0] ?? '', /^ERR_FOLDER server: folder .*file cannot be used: ENOTDIR: /)
})

test('what a plugin asks for again and again, with each mail perhaps, is noted once', async () => {
  const noted: string[] = []
  const asking = definePlugin({
    name: 'asking',
    setup: async ({ resolve, folder: own }) => {
      for (let n = 0; n < 3; n++) noted.push(resolve('secret'), await own())
      return {}
    },
  })
  const files: string[] = []
  const server = await createServer(
    { folder: 'kept', log: { format: 'silent' }, setup: (app) => void app.use(asking()).listen({ port: 0 }) },
    { base: folder, looks: true, onFile: (file) => void files.push(file) },
  )
  await server.close()
  assert.equal(noted.length, 6)
  assert.equal(new Set(noted).size, 2)
  assert.deepEqual(files, [path.join(folder, 'secret')])
})

test('a table that is missing is a mistake of the configuration', async () => {
  await assert.rejects(
    found((app) => app.use(routing({ tables: [{ file: 'no-table' }] })).use(queue())),
    /routing could not be set up.*ENOENT.*no-table/,
  )
})

test('the examples have no mistakes, and looking makes nothing', async (context) => {
  const kept = path.join(folder, 'example')
  await mkdir(kept)
  await writeFile(path.join(kept, 'cert.pem'), CERTIFICATE.cert)
  await writeFile(path.join(kept, 'key.pem'), CERTIFICATE.key)
  const settings = { POSTROAD_FOLDER: kept, POSTROAD_MAIL: path.join(kept, 'mail') }
  Object.assign(process.env, settings)
  context.after(() => {
    for (const name of Object.keys(settings)) delete process.env[name]
  })
  for (const name of ['quickstart', 'mx-gateway', 'submission', 'tenants']) {
    const place = path.join(ROOT, 'examples', name)
    // `as`: what a configuration exports.
    const { default: config } = (await import(path.join(place, 'postroad.config.ts'))) as { readonly default: Config }
    assert.deepEqual(await inspected(config, place), [], name)
  }
  assert.deepEqual((await readdir(kept)).toSorted(), ['cert.pem', 'key.pem'])
})

/** A group that nobody is in. */
const FOREIGN = 54_321

test('a group that this user cannot give to a socket is found; one that it is in, or that the folder gives, is none', async (t) => {
  const given = await mkdtemp(path.join(folder, 'given-'))
  const euid = process.geteuid?.() ?? 0
  if (euid === 0) {
    await chown(given, 65_534, FOREIGN)
    await chmod(folder, 0o755)
    // Root may give everything: the rest is asked as somebody else.
    assert.deepEqual(await grouped('in.sock', FOREIGN), [])
    await chmod(given, 0o2755)
    process.seteuid?.(65_534)
    t.after(() => process.seteuid?.(euid))
  }
  const text = (name: string) =>
    `ERR_GROUP server: mx: this user cannot give ${name} to the group ${FOREIGN}: it is not in it, and not root`
  const name = path.join(folder, 'in.sock')
  assert.deepEqual(await grouped(name, FOREIGN), [text(name)])
  assert.deepEqual(await grouped(name, process.getegid?.() ?? 0), [])
  if (euid === 0) assert.deepEqual(await grouped(path.join(given, 'in.sock'), FOREIGN), [])
})

async function grouped(name: string, group: number): Promise<readonly string[]> {
  const setup = (app: App) => void app.listen({ name: 'mx', path: name, group })
  const all = await inspected({ hostname: 'mx.test', folder: 'kept', setup })
  return all.filter((one) => !/^ERR_(?:FOLDER|CONFIG)/.test(one))
}
