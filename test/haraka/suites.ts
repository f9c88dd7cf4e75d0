/** Runs the tests of plugins of Haraka, from checkouts, twice: on the fixtures that they were written for, and on the objects of this server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { clearTimeout, setTimeout } from 'node:timers'
import { startRedis } from '../cluster/redis.ts'
import { runCommand } from '../runner/command.ts'
import { requires } from '../runner/requires.ts'

const HERE = import.meta.dirname
const OURS = join(HERE, '../../plugins/haraka/src/fixtures.ts')
/** Milliseconds that one file may take. */
const LIMIT = 120_000

interface Test {
  readonly ok: boolean
  readonly name: string
  readonly why?: string
}

/**
 * Prints a table, and what fails here and not there; the exit code.
 *
 * @param folder checkouts, each by the name of its package
 * @param home where the packages are that they need
 * @param only names of plugins; none: all
 */
export async function playSuites(folder: string, home: string, only: readonly string[] = []): Promise<number> {
  const older = await installOlder()
  const skip = requires('redis-server')
  if (skip !== false) throw new Error(skip)
  const names = readdirSync(folder).filter(
    (name) =>
      existsSync(join(folder, name, 'test')) &&
      (only.length === 0 || only.includes(name.replace('haraka-plugin-', ''))),
  )
  const total = { there: 0, here: 0, both: 0 }
  const faults: string[] = []
  process.stdout.write('| Plugin | Tests | Pass on haraka-test-fixtures | Pass here |\n|---|---|---|---|\n')
  for (const name of names) {
    const checkout = join(folder, name)
    prepare(checkout, home)
    const there = await run(checkout, { older })
    const here = await run(checkout, { older, fixtures: OURS })
    const passing = new Set(there.filter(({ ok }) => ok).map((test) => test.name))
    const both = here.filter((test) => test.ok && passing.has(test.name)).length
    for (const { ok, name: test, why } of here)
      if (!ok && passing.has(test)) faults.push(`${name}: ${test}: ${why?.split('\n')[0]}`)
    total.there += passing.size
    total.here += here.filter(({ ok }) => ok).length
    total.both += new Set(here.filter((test) => test.ok && passing.has(test.name)).map((test) => test.name)).size
    process.stdout.write(
      `| \`${name.replace('haraka-plugin-', '')}\` | ${Math.max(there.length, here.length)} | ${passing.size} | ${both} |\n`,
    )
  }
  const share = total.there === 0 ? 0 : total.both / total.there
  process.stdout.write(`\n${total.both} of ${total.there} that pass there pass here: ${(100 * share).toFixed(1)} %\n`)
  for (const fault of faults) process.stdout.write(`  ${fault.slice(0, 300)}\n`)
  return share >= 0.95 ? 0 : 1
}

/** What snapshots of a year ago still need, beside the plugins themselves. */
async function installOlder(): Promise<string> {
  const folder = join(HERE, '../../var/haraka-older')
  const modules = join(folder, 'node_modules')
  if (existsSync(join(modules, 'async'))) return modules
  mkdirSync(folder, { recursive: true })
  const names = ['address-rfc2821@2.2.1', 'address-rfc2822@2.2.4', 'async@3.2.6', 'sinon@22.1.0']
  const { code, output } = await runCommand([
    'npm',
    'install',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    ...names,
  ])
  if (code !== 0) throw new Error(`not installed: ${names.join(', ')}: ${output.trim().slice(-500)}`)
  return modules
}

/** The library of fixtures looks for the plugin, and for plugins it inherits from, around itself, so those have to be in the checkout. */
function prepare(checkout: string, home: string): void {
  const modules = join(checkout, 'node_modules')
  mkdirSync(modules, { recursive: true })
  const { dependencies = {} } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    dependencies?: Readonly<Record<string, string>>
  }
  for (const name of Object.keys(dependencies)) {
    const [from, to] = [join(home, 'node_modules', name), join(modules, name)]
    if (name.startsWith('haraka-plugin-') && existsSync(from) && !existsSync(to)) symlinkSync(from, to)
  }
  const shared = join(dirname(checkout), 'node_modules')
  if (!existsSync(shared)) symlinkSync(join(home, 'node_modules'), shared)
  const fixtures = join(modules, 'haraka-test-fixtures')
  if (existsSync(fixtures)) return
  const require = createRequire(OURS)
  cpSync(dirname(require.resolve('haraka-test-fixtures')), fixtures, { recursive: true })
}

async function run(
  checkout: string,
  { fixtures, older }: { readonly fixtures?: string; readonly older: string },
): Promise<readonly Test[]> {
  // Six suites ask Redis, at its usual port, from where they are led to one that is new for each run.
  await using redis = await startRedis()
  const { scripts = {} } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    scripts?: { test?: string }
  }
  const env = {
    ...process.env,
    NODE_ENV: 'test',
    NODE_PATH: older,
    NODE_TEST_CONTEXT: undefined,
    POSTROAD_REDIS: String(redis.port),
    ...(fixtures !== undefined && { POSTROAD_FIXTURES: fixtures }),
    ...(/mocha/.test(scripts.test ?? '') && { POSTROAD_MOCHA: '1' }),
  }
  const tests: Test[] = []
  for (const file of globSync('test/*.js', { cwd: checkout }).sort())
    for (const test of await runFile(checkout, file, env)) tests.push({ ...test, name: `${file} > ${test.name}` })
  return tests
}

/** In a process of its own, without `--test`: with that and `--test-force-exit`, which tests with open sockets need, results get lost. */
async function runFile(checkout: string, file: string, env: NodeJS.ProcessEnv): Promise<readonly Test[]> {
  const child = spawn(
    process.execPath,
    [
      ...['--conditions=@postroad/source', '--no-warnings', '--require', join(HERE, 'suite-preload.cjs')],
      ...['--test-force-exit', '--test-timeout=20000', '--test-reporter', join(HERE, 'suite-reporter.mjs')],
      file,
    ],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'ignore'], env },
  )
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  await once(child, 'close')
  clearTimeout(timer)
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{"ok"')) return []
    return [JSON.parse(line) as Test]
  })
}
