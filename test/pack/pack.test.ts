/**
 * Packages that stand alone: everything we publish is packed, installed from the tarballs into an empty project, type-checked there with the
 * compilers and resolutions people use, started on the Node versions we promise, and given mail.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { collect, until } from '../kit/command.ts'
import { programPath } from '../runner/program.ts'
import { ROOT } from '../structure/workspace.ts'
import { copyExamples, FOREIGN, followReadme } from './example.ts'
import { build, installProject, installTools, PUBLISHED, packAll, readTarball, run } from './project.ts'

const CONFIG = `import { maildir } from '@postroad/maildir'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
import { rule } from './rule.ts'

export default defineConfig({
  hostname: 'mx.test',
  folder: process.env['KEPT'] ?? 'kept',
  setup(app) {
    app.use(routing({ domains: { 'ours.test': { via: 'maildir' } } }))
    app.use(rule({ word: 'lottery' }), { onError: 'pass' })
    app.use(maildir({ folder: process.env['MAIL'] ?? 'mail' }))
    app.listen({ host: '127.0.0.1', port: 0 })
  },
})
`
const RULE = `import { defineFact, definePlugin, reject, suspect } from '@postroad/plugin'
import { z } from 'zod'

export const shouting = defineFact<boolean>('shouting')
export const rule = definePlugin({
  name: 'rule',
  options: z.strictObject({ word: z.string() }),
  setup: ({ options }) => ({
    message: {
      provides: [shouting],
      handler({ message, set }) {
        const subject = message.headers.get('subject') ?? ''
        set(shouting, subject === subject.toUpperCase())
        return subject.includes(options.word) ? reject('No') : suspect(1, 'a little')
      },
    },
  }),
})
`
/** What a compiler must refuse; it is not run. */
const WRONG = `import { reject } from '@postroad/plugin'
import { rule } from './rule.ts'

// @ts-expect-error a refusal for good has no transient status
export const a = () => reject('No', { status: '4.7.1' })
// @ts-expect-error there is no such option
export const b = () => rule({ wrod: 'x' })
`

const built = build()
const packed = packAll()
const tools = installTools()
const project = installProject(packed, FOREIGN)
const folder = await mkdtemp(path.join(project, 'run-'))
after(() => rm(folder, { recursive: true, force: true }))
await writeFile(path.join(folder, 'postroad.config.ts'), CONFIG)
await writeFile(path.join(folder, 'rule.ts'), RULE)
await writeFile(path.join(folder, 'wrong.ts'), WRONG)

test('everything that is published is built', () => {
  const missing = PUBLISHED.filter((own) => !existsSync(path.join(ROOT, own, 'dist/index.js')))
  assert.deepEqual({ missing, code: built.code }, { missing: [], code: 0 }, built.out.slice(-2_000))
})

describe('types, from an empty project', () => {
  for (const compiler of ['typescript-5.9', 'typescript-6', 'typescript-7'])
    for (const resolution of ['nodenext', 'bundler'] as const)
      test(`a configuration and a plugin: ${compiler}, ${resolution}`, async () => {
        const settings = {
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          target: 'es2023',
          lib: ['es2023'],
          types: ['node'],
          allowImportingTsExtensions: true,
          module: resolution === 'nodenext' ? 'nodenext' : 'esnext',
          moduleResolution: resolution,
          // Declarations are the same by either way: to check all of them once is enough.
          skipLibCheck: resolution === 'bundler',
        }
        const file = `tsconfig.${resolution}.json`
        await writeFile(
          path.join(folder, file),
          JSON.stringify({ compilerOptions: settings, files: ['postroad.config.ts', 'wrong.ts'] }),
        )
        const result = run(folder, process.execPath, [path.join(tools, compiler, 'bin/tsc'), '-p', file])
        assert.deepEqual(result, { code: 0, out: '' })
      })
})

describe('it starts, and takes mail', () => {
  for (const version of ['22', '24', '26']) test(`on Node ${version}`, () => mailOn(version))
})

async function mailOn(version: string): Promise<void> {
  // The repository brings 24 itself.
  const node = process.version.startsWith(`v${version}.`)
    ? process.execPath
    : path.join(tools, `node-${version}`, 'bin/node')
  const bin = path.join(project, 'node_modules/postroad/dist/bin.js')
  const place = path.join(folder, `on-${version}`)
  await mkdir(place)
  assert.equal(run(place, node, ['--version']).out.split('.')[0], `v${version}`)
  const server = startServer(node, bin, place)
  const [out, err] = [collect(server.stdout), collect(server.stderr)]
  try {
    const port = await until(
      () => /127\.0\.0\.1:(\d+)/.exec(out())?.[1] ?? (server.exitCode === null ? undefined : err()),
    )
    const send = (...more: string[]) =>
      run(place, node, [bin, 'send', '--server', `127.0.0.1:${port}`, '--to', 'bob@ours.test', '--quiet', ...more])
    const taken = send('--subject', 'Minutes')
    assert.match(taken.out, /^250 2\.0\.0 /, `${taken.out}\n${err()}`)
    assert.match(send('--subject', 'lottery').out, /^550 5\.7\.1 No/)
  } finally {
    server.kill('SIGTERM')
  }
  const [code] = await once(server, 'close')
  assert.equal(code, 0, err())
  const inbox = (await readdir(path.join(place, 'mail'), { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.parentPath.endsWith('new'),
  )
  assert.equal(inbox.length, 1)
  assert.match(await readFile(path.join(inbox[0]!.parentPath, inbox[0]!.name), 'utf8'), /^Subject: Minutes\r?$/m)
}

function startServer(node: string, bin: string, place: string): ChildProcess {
  const env = { PATH: process.env['PATH'], KEPT: path.join(place, 'kept'), MAIL: path.join(place, 'mail') }
  return spawn(node, [bin, 'start', path.join(folder, 'postroad.config.ts'), '--log', 'json'], {
    cwd: place,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

test('a plugin that was just begun passes its own tests, is type-checked and built, all from tarballs', async () => {
  const node = path.join(tools, 'node-22', 'bin/node')
  const begun = run(folder, node, [path.join(project, 'node_modules/create-postroad/dist/bin.js'), 'begun'])
  assert.equal(begun.code, 0, begun.out)
  const place = path.join(folder, 'postroad-plugin-begun')
  const tests = run(place, node, ['--test', 'src/begun.test.ts'])
  assert.equal(tests.code, 0, tests.out)
  const types = run(place, process.execPath, [path.join(tools, 'typescript-7/bin/tsc')])
  assert.deepEqual(types, { code: 0, out: '' })
  const loaded = run(place, node, [
    '--input-type=module',
    '-e',
    "import { begun } from './dist/index.js'; console.log(begun().name)",
  ])
  assert.deepEqual(loaded, { code: 0, out: 'begun\n' })
})

test('a plugin that was packed outside of the workspace is installed beside the packed server, passes its contract there, and refuses mail', async () => {
  const scaffolded = run(folder, process.execPath, [
    path.join(project, 'node_modules/create-postroad/dist/bin.js'),
    'outside',
  ])
  assert.equal(scaffolded.code, 0, scaffolded.out)
  const own = path.join(folder, 'postroad-plugin-outside')
  // Beside the project: where its tarballs are stands in its lock file.
  const server = `${project}.outside`
  await rm(server, { recursive: true, force: true })
  after(() => rm(server, { recursive: true, force: true }))
  await mkdir(server)
  const built = run(own, process.execPath, [path.join(tools, 'typescript-7/bin/tsc')])
  assert.deepEqual(built, { code: 0, out: '' })
  const npm = programPath('npm')
  const packing = run(own, npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', server])
  assert.equal(packing.code, 0, packing.out.slice(-2_000))
  for (const name of ['package.json', 'package-lock.json', 'node_modules'])
    await cp(path.join(project, name), path.join(server, name), { recursive: true, verbatimSymlinks: true })
  // All that it needs is there: nobody is to be asked.
  const wants = ['--offline', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts']
  const installed = run(server, npm, ['install', ...wants, './postroad-plugin-outside-0.1.0.tgz'])
  assert.equal(installed.code, 0, installed.out.slice(-2_000))
  assert.ok(
    !existsSync(path.join(server, 'node_modules/postroad-plugin-outside/node_modules')),
    'there is one API, and not two',
  )
  await writeFile(
    path.join(server, 'outside.test.ts'),
    "import { pluginContract, testPlugin } from '@postroad/testing'\nimport { outside } from 'postroad-plugin-outside'\npluginContract(outside)\ntestPlugin(outside, [{ name: 'refuses', data: { Subject: 'You won the LOTTERY' }, expect: '5.7.1' }])\n",
  )
  const contract = run(server, process.execPath, ['--test', 'outside.test.ts'])
  assert.equal(contract.code, 0, contract.out)
  assert.ok(Number(/pass (\d+)/.exec(contract.out)?.[1]) > 10, contract.out)
})

describe('every example, copied out of the repository', async () => {
  const place = await mkdtemp(path.join(os.tmpdir(), 'postroad-examples-'))
  after(() => rm(place, { recursive: true, force: true }))
  for (const { name, folder, missing } of copyExamples(project, place))
    test(`${name}: what it asks for is published; its configuration is fine, or it has a test`, () => {
      assert.deepEqual(missing, [])
      if (name.endsWith('/submission')) followReadme(folder)
      const has = (ending: string) => readdirSync(folder).some((file) => file.endsWith(ending))
      if (!has('.config.ts')) return assert.ok(has('.test.ts'))
      const postroad = (...args: string[]) =>
        run(folder, process.execPath, [path.join(folder, 'node_modules/postroad/bin/postroad.js'), ...args])
      if (name.endsWith('/sender')) assert.equal(postroad('token', 'new', 'shop', '--role', 'send').code, 0)
      assert.deepEqual(postroad('check'), { code: 0, out: 'The configuration is fine.\n' })
    })

  test('their own tests pass', () => {
    const { code, out } = run(place, process.execPath, ['--test', 'examples/*/*.test.ts'])
    assert.equal(code, 0, out)
  })

  test('they are right to the compiler', async () => {
    const settings = { noEmit: true, strict: true, target: 'es2023', types: ['node'], allowImportingTsExtensions: true, module: 'nodenext', skipLibCheck: true } // biome-ignore format: short
    await writeFile(
      path.join(place, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: settings, include: ['examples'] }),
    )
    assert.deepEqual(run(place, process.execPath, [path.join(tools, 'typescript-7/bin/tsc')]), { code: 0, out: '' })
  })
})

/** Packages import each other without a circle (test/structure), so one process may load them all: each start would load most of the others again. */
const LOADER = `for (const name of process.argv.slice(1)) {
  const state = await import(name).then(() => 'loaded', (error) => error.message)
  console.log(name, state)
}`

function loadAll(): { readonly code: number | null; readonly out: string } {
  return run(project, process.execPath, ['--input-type=module', '-e', LOADER, '--', ...packed.map(({ name }) => name)])
}

describe('every tarball', () => {
  const { code, out } = loadAll()
  const lines = out.trimEnd().split('\n')
  const loaded = new Map(lines.map((line) => line.split(' ') as [string, string])) // as the loader writes them
  const said = lines.filter((line) => !/^\S+ loaded$/.test(line))
  for (const { name, tarball } of packed)
    test(`${name}: loads, has a README, types, source maps and no tests`, () => {
      const files = run(ROOT, 'tar', ['-tzf', tarball]).out.trim().split('\n')
      for (const file of [
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/index.js.map',
        'src/index.ts',
      ])
        assert.ok(files.includes(`package/${file}`), `${file} is missing`)
      assert.deepEqual(
        files.filter((file) => /\.test\./.test(file) && !file.startsWith('package/template/')),
        [],
      )
      const manifest = JSON.parse(readTarball(tarball, 'package.json'))
      assert.equal(manifest.engines.node, '>=22.19')
      assert.equal(loaded.get(name), 'loaded')
    })

  test('nothing that loads says anything, or keeps a process from its end', () => {
    assert.deepEqual({ code, said }, { code: 0, said: [] })
  })

  test('publint has nothing to say', async () => {
    const { publint } = await import(path.join(tools, 'publint/src/index-node.js'))
    const said: string[] = []
    for (const { name, tarball } of packed) {
      const bytes = await readFile(tarball)
      const { messages } = await publint({
        pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
        level: 'warning',
        strict: true,
      })
      said.push(
        ...messages.map(
          (one: { readonly code: string; readonly path: readonly string[] }) =>
            `${name}: ${one.code} at ${one.path.join('.')}`,
        ),
      )
    }
    assert.deepEqual(said, [])
  })

  test('are the types wrong? no', async () => {
    const { checkPackage, createPackageFromTarballData } = await import(
      path.join(tools, '@arethetypeswrong/core/dist/index.js')
    )
    // ESM only: there is nothing for require() of old.
    const isOld = (kind: string | undefined) => kind === 'node10' || kind === 'node16-cjs'
    const wrong: string[] = []
    for (const { name, tarball } of packed) {
      const { types, problems } = await checkPackage(createPackageFromTarballData(await readFile(tarball)))
      if (!types) wrong.push(`${name}: no types`)
      else
        for (const { kind, resolutionKind, entrypoint } of problems)
          if (!isOld(resolutionKind)) wrong.push(`${name}: ${kind} at ${entrypoint}`)
    }
    assert.deepEqual(wrong, [])
  })
})
