/** The example of each plugin's README, put into an example configuration as the page says: `postroad check` has nothing to say. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { BootError } from '@postroad/core'
import { open } from '../../packages/cli/src/open.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { ROOT } from '../structure/workspace.ts'

const EXAMPLES = ['quickstart', 'mx-gateway'] as const
/** What an operator has to fill in, and files of a machine that is none of ours. */
const FILLED: readonly (readonly [string, string])[] = [
  ['routing({ … })', "routing({ domains: { 'example.com': { via: 'maildir' } } })"],
  ['dnsbl({ … })', "dnsbl({ lists: [{ zone: 'bl.test' }] })"],
  ['/etc/postroad/', ''],
]
/** One beside the other is a contradiction, whatever the READMEs say. */
const INSTEAD: Readonly<Record<string, readonly string[]>> = {
  redisQueue: ['queue', 'proxy'],
  queue: ['proxy'],
  maildir: ['queue', 'proxy'],
  proxy: ['queue'],
}

const folder = makeTestFolder('readme')
const plugins = readdirSync(path.join(ROOT, 'plugins'))
/** Where a factory is imported from. */
const packages = new Map<string, string>()

before(async () => {
  for (const plugin of plugins) {
    const { name } = JSON.parse(readFileSync(path.join(ROOT, 'plugins', plugin, 'package.json'), 'utf8'))
    for (const [factory, value] of Object.entries(await import(name)))
      if (typeof value === 'function' && 'pluginName' in value) packages.set(factory, name)
  }
  mkdirSync(path.join(folder, 'keys'))
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  for (const name of ['2026r', '2026e'])
    writeFileSync(path.join(folder, `keys/${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    })
  writeFileSync(path.join(folder, 'denied-networks'), '203.0.113.0/24\n')
  writeFileSync(path.join(folder, 'users'), '')
  // What somebody has who comes from Haraka.
  for (const name of ['config', 'plugins']) mkdirSync(path.join(folder, name))
  writeFileSync(path.join(folder, 'plugins/members.js'), 'exports.register = function () {}\n')
  process.env['REDIS_URL'] = 'redis://127.0.0.1:6379'
  process.env['EVENTS_SECRET'] = `whsec_${Buffer.alloc(32, 's').toString('base64')}`
})
after(() => rmSync(folder, { recursive: true, force: true }))

for (const plugin of plugins)
  for (const example of EXAMPLES) {
    const readme = readFileSync(path.join(ROOT, 'plugins', plugin, 'README.md'), 'utf8')
    const shown = firstUse(readme)
    // Who shows scopes shows a whole configuration.
    if (example === 'mx-gateway' && shown.body.includes('.scope(')) continue
    const place =
      example === 'quickstart' || readme.includes('outside of scopes')
        ? 'setup(app) {\n'
        : "app.scope('mx', (mx) => {\n"
    test(`${plugin}: the example of its README, in ${example}`, async () => {
      const base = readFileSync(path.join(ROOT, 'examples', example, 'postroad.config.ts'), 'utf8')
      const file = path.join(folder, `${plugin}-${example}.config.ts`)
      writeFileSync(file, joined(base, place, shown))
      assert.deepEqual(await mistakesOf(file), [])
    })
  }

interface Shown {
  readonly imports: readonly string[]
  readonly body: string
}

/** The first block of a page that uses something. */
function firstUse(readme: string): Shown {
  const block = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
    .map(([, text = '']) => text)
    .find((text) => text.includes('.use('))
  assert.ok(block, 'there is no example with .use(…)')
  const lines = block.split('\n')
  const isImport = (line: string): boolean => line.startsWith('import ')
  const body = lines.filter((line) => !isImport(line)).join('\n')
  return { imports: lines.filter(isImport), body: FILLED.reduce((text, [from, to]) => text.replaceAll(from, to), body) }
}

/** The example with the lines at a place of its `setup`, instead of what it has of the same plugins. */
function joined(base: string, place: string, { imports, body }: Shown): string {
  const used = [...packages.keys()].filter((name) => new RegExp(`\\b${name}[.(]`).test(body))
  const gone = new Set(used.flatMap((name) => [name, ...(INSTEAD[name] ?? [])]))
  const own = [...gone].reduce((text, name) => without(text, name), base)
  const known = [...imports, ...own.split('\n')].join('\n')
  const missing = used.filter((name) => !new RegExp(`^import \\{[^}]*\\b${name}\\b`, 'm').test(known))
  const more = missing.map((name) => `import { ${name} } from '${packages.get(name)}'`)
  // An example says `app`, `mx` or `out` where it means the scope in question.
  const [, scope = 'app'] = /(\w+)\) (?:=> )?\{\n$/.exec(place) ?? []
  const names = [...new Set([...body.matchAll(/^(\w+)\.use/gm)].map(([, name = '']) => name))].filter(
    (name) => name !== scope,
  )
  const code =
    names.length > 0 ? [`{ const ${names.map((name) => `${name} = ${scope}`).join(', ')}`, body, '}'] : [body]
  assert.ok(own.includes(place), place)
  return [...imports, ...more, own.replace(place, () => [place, ...code, ''].join('\n'))].join('\n')
}

/** Neither `.use(name(…))` nor its import. */
function without(text: string, name: string): string {
  const at = new RegExp(`(\\w+)?\\.use\\(${name}\\(`).exec(text)
  if (!at) return text
  let end = at.index + at[0].length
  for (let depth = 2; depth > 0; end++) depth += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0
  const rest = `${text.slice(0, at.index)}${at[1] ?? ''}${text.slice(end)}`
  return without(rest, name).replace(new RegExp(`^import \\{ ${name} \\} .*\\n`, 'm'), '')
}

async function mistakesOf(file: string): Promise<readonly string[]> {
  try {
    const opened = await open(file, { log: { format: 'silent' } })
    await opened.close()
    return []
  } catch (error) {
    if (error instanceof BootError) return error.errors.map(({ code, message }) => `${code} ${message}`)
    throw error
  }
}
