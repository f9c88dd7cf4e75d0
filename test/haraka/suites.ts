/** Runs the tests of plugins of Haraka, from checkouts, twice: on the fixtures that they were written for, and on the objects of this server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as later, clearTimeout as unset } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import { runCommand } from '../runner/command.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const HERE = import.meta.dirname
const OURS = join(HERE, '../../plugins/haraka/src/fixtures.ts')
/** Milliseconds that one suite may take. */
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
 */
export async function playSuites(folder: string, home: string): Promise<number> {
  const older = await installOlder()
  await using _redis = await usualRedis()
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'test')))
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
  if (existsSync(join(modules, 'sinon'))) return modules
  mkdirSync(folder, { recursive: true })
  const names = ['address-rfc2821@2.2.1', 'address-rfc2822@2.2.4', 'sinon@22.1.0']
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

/** Six suites ask Redis where it usually is; where there is one already it is left alone, and these tests do not count. */
async function usualRedis(): Promise<AsyncDisposable> {
  const nothing: AsyncDisposable = { async [Symbol.asyncDispose]() {} }
  if (requires('redis-server') !== false || !(await isFree(6379))) return nothing
  const child = spawn(
    programPath('redis-server'),
    ['--port', '6379', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'],
    { stdio: 'ignore' },
  )
  while (await isFree(6379)) await setTimeout(50)
  return {
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

async function isFree(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}

/** The library of fixtures looks for the plugin around itself, so it has to be in the checkout. */
function prepare(checkout: string, home: string): void {
  const modules = join(checkout, 'node_modules')
  const shared = join(dirname(checkout), 'node_modules')
  if (!existsSync(shared)) symlinkSync(join(home, 'node_modules'), shared)
  const fixtures = join(modules, 'haraka-test-fixtures')
  if (existsSync(fixtures)) return
  mkdirSync(modules, { recursive: true })
  const require = createRequire(OURS)
  cpSync(dirname(require.resolve('haraka-test-fixtures')), fixtures, { recursive: true })
}

async function run(
  checkout: string,
  { fixtures, older }: { readonly fixtures?: string; readonly older: string },
): Promise<readonly Test[]> {
  const { scripts = {} } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    scripts?: { test?: string }
  }
  const isMocha = /mocha/.test(scripts.test ?? '')
  const files = globSync('test/*.js', { cwd: checkout })
  const child = spawn(
    process.execPath,
    [
      ...['--conditions=@postroad/source', '--no-warnings', '--require', join(HERE, 'suite-preload.cjs'), '--test'],
      ...[
        '--test-force-exit',
        '--test-concurrency=1',
        '--test-timeout=20000',
        '--test-reporter',
        join(HERE, 'suite-reporter.mjs'),
        ...files,
      ],
    ],
    {
      cwd: checkout,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        NODE_PATH: older,
        NODE_TEST_CONTEXT: undefined,
        ...(fixtures !== undefined && { POSTROAD_FIXTURES: fixtures }),
        ...(isMocha && { POSTROAD_MOCHA: '1' }),
      },
    },
  )
  const timer = later(() => child.kill('SIGKILL'), LIMIT)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  await once(child, 'close')
  unset(timer)
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{"ok"')) return []
    return [JSON.parse(line) as Test]
  })
}
