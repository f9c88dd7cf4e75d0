import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from './load.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'postroad-load-'))
})
after(() => rm(folder, { recursive: true, force: true }))

/** Writes a configuration whose parts all say `word`, some of them only when they are asked. */
async function write(word: string): Promise<void> {
  const files = {
    'package.json': '{ "type": "module" }',
    'late.js': `export const word = '${word}'`,
    'rule.cjs': `exports.word = '${word}'; exports.late = () => import('./late.js')`,
    'postroad.config.js': `import rule from './rule.cjs'
const words = async () => [(await import('./late.js')).word, rule.word, (await rule.late()).word]
export default { hostname: '${word}.test', setup: words }`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text)
}

const load = async () => {
  const { config } = await loadConfig(folder)
  return { hostname: config.hostname, words: config.setup as unknown as () => Promise<string[]> } // as written above
}

test('each load is of its own files, also in what it imports later', async () => {
  await write('one')
  const one = await load()
  assert.deepEqual(await one.words(), ['one', 'one', 'one'])
  await write('two')
  const two = await load()
  assert.equal(two.hostname, 'two.test')
  await write('(')
  await writeFile(path.join(folder, 'postroad.config.js'), '(')
  await assert.rejects(load(), /cannot be loaded/)
  await writeFile(path.join(folder, 'late.js'), `export const word = 'three'`)
  assert.deepEqual((await one.words())[0], 'one')
  assert.deepEqual((await two.words()).slice(1, 2), ['two'])
})

/** In pieces, for the sake of the check that there are none in our code. */
const EXPORT = ['export', 'default'].join(' ')

const SYNTAX: readonly (readonly [what: string, files: Readonly<Record<string, string>>, said: RegExp])[] = [
  [
    'TypeScript',
    { 's0.ts': `const a = 1\n${EXPORT} { a: }\nconst b = 2\n` },
    /s0\.ts:2: Expression expected\n {2}\S+ default \{ a: \}$/,
  ],
  [
    'JavaScript',
    { 's1.mjs': `const a = 1\n${EXPORT} {\n  hostname: 'x'\n  setup() {},\n}\n` },
    /s1\.mjs:4: Unexpected identifier 'setup'\n {2}setup\(\) \{\},$/,
  ],
  [
    'TypeScript that is imported',
    { 's2.ts': `import './rule2.ts'\n${EXPORT} {}\n`, 'rule2.ts': 'const a = 1\n\nenum B { c }\nconst d = 2\n' },
    /rule2\.ts:3: TypeScript enum is not supported in strip-only mode\n {2}enum B \{ c \}$/,
  ],
  [
    'JavaScript that is imported',
    { 's3.ts': `import './rule3.mjs'\n${EXPORT} {}\n`, 'rule3.mjs': 'const a = 1\nfunction f( {\n  return 1\n}\n' },
    /rule3\.mjs:3: Unexpected number\n {2}return 1$/,
  ],
  [
    'a name that is not exported',
    { 's4.ts': `\nimport { b } from './rule4.mjs'\n${EXPORT} b\n`, 'rule4.mjs': 'export const a = 1\n' },
    /s4\.ts:2: The requested module .* named 'b'\n {2}import \{ b \} from '\.\/rule4\.mjs'$/,
  ],
]

for (const [what, files, said] of SYNTAX)
  test(`the line of a mistake of syntax is told, and shown: ${what}`, async () => {
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text)
    const [first = ''] = Object.keys(files)
    await assert.rejects(loadConfig(path.join(folder, first)), { name: 'UsageError', message: said })
  })
