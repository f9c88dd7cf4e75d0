/** `npm start`: builds what the quickstart needs and runs it with the built `postroad` command. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './command.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const CONFIG = 'examples/quickstart/postroad.config.ts'

/** Milliseconds within which the same signal counts as the same key press: a terminal sends it to us, and npm sends it again. */
const SAME_SIGNAL_MS = 500

process.chdir(ROOT)
const built = await build()
if (built) run()
else process.exitCode = 1

async function build(): Promise<boolean> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
  const turbo = join(ROOT, 'node_modules/.bin/turbo')
  // What was built before takes a moment; else somebody sits before a terminal that says nothing.
  const patience = setTimeout(() => process.stderr.write('Building: the first time takes a minute …\n'), 2_000)
  const result = await runCommand(
    [turbo, 'run', 'build', '--filter=@postroad-example/quickstart...', '--output-logs=errors-only'],
    { env },
  )
  clearTimeout(patience)
  if (result.code === 0) return true
  process.stderr.write(`${result.output}\nThe build failed.\n`)
  return false
}

/**
 * The server gets a process group of its own, so that a key press reaches it once, through us; the channel is the leash on which it ends
 * with us, however we end.
 */
function run(): void {
  const leash = new URL('./leash.ts', import.meta.url).href
  const given = process.argv.slice(2)
  // People read what `npm start` says, in a pipe or a file, too; who wants it for a program says so.
  const log = given.some((one) => /^--log(?:=|$)/.test(one)) ? [] : ['--log', 'pretty']
  const node = [`--import=${leash}`, command(), 'start', CONFIG, ...log, ...given]
  const child = spawn(process.execPath, node, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: true })
  let last = -Infinity
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      // A terminal that is closed is a reason to stop, not to reload.
      if (now - last > SAME_SIGNAL_MS) child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
      last = now
    })
  }
  child.on('error', (error) => {
    process.stderr.write(`cannot start: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal !== null) process.removeAllListeners(signal)
    if (signal === null) process.exit(code ?? 1)
    process.kill(process.pid, signal)
  })
}

/** The file behind the command, as its package says. */
function command(): string {
  const folder = join(ROOT, 'packages/cli')
  // `as`: our own file; a test in test/structure holds every package.json against what we expect of it.
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin?: string | Record<string, string>
  }
  const path = typeof bin === 'string' ? bin : bin?.['postroad']
  if (path === undefined) throw new Error('packages/cli/package.json has no bin')
  return join(folder, path)
}
