/** The tutorial, step by step, as it is written: files are made, commands are run, and what they print is what the page says. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { freePorts } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'
import { ROOT } from '../structure/workspace.ts'
import { collect, ended, makeFolder, type Ran, startCommand, startNode, until } from './command.ts'
import { fits, readPage, type ShownCommand } from './markdown.ts'

const folder = await makeFolder()
const running: ChildProcess[] = []
after(async () => {
  for (const child of running) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})
// The page says 2525; another test may have that port just now.
const [port = 0] = await freePorts(1)
const page = readFileSync(path.join(ROOT, 'docs/tutorial.md'), 'utf8').replaceAll('2525', String(port))
let place = folder

for (const step of readPage(page)) {
  if ('name' in step) test(`${step.heading}: ${step.name}`, () => writeFile(path.join(place, step.name), step.text))
  else test(`$ ${step.command}`, () => follow(step))
}

async function follow({ command, output }: ShownCommand): Promise<void> {
  const words = command.split(' ')
  if (words[0] === 'cd') {
    place = path.join(place, words[1] ?? '')
    return
  }
  if (command.endsWith(' &')) return begin(words.slice(0, -1), output)
  // Packages are installed from tarballs by test/pack, and published by nobody here.
  if (/^npm (?:install|run build|publish)/.test(command)) return
  const { code, out, err } = await runShown(words)
  const isRefusal = out.includes('550 ')
  assert.equal(code, isRefusal ? 1 : 0, `${out}${err}`)
  const lines = out.trimEnd().split('\n')
  assert.ok(
    output.length === 0 || fits(output, lines),
    `${command} printed\n${out}\nand the page says\n${output.join('\n')}`,
  )
}

function runShown([program = '', first = '', ...rest]: readonly string[]): Promise<Ran> {
  if (program === 'npm' && (first === 'init' || first === 'pkg'))
    return ended(spawn(programPath('npm'), [first, ...rest], { cwd: place }))
  if (program === 'npx') return ended(startCommand(place, ...rest))
  if (program === 'npm' && first === 'create')
    return ended(startNode(place, path.join(ROOT, 'packages/create-postroad/src/bin.ts'), ...rest.slice(1)))
  if (program === 'npm' && first === 'test') return ended(startNode(place, '--test', 'src/**/*.test.ts'))
  if (program === 'node') return ended(startNode(place, first, ...rest))
  if (program === 'grep') return grep(rest)
  throw new Error(`the tutorial has a command nobody runs: ${program} ${first}`)
}

/** `grep -rh ^Subject: mail`, wherever there is no grep. */
async function grep([pattern = '', where = '']: readonly string[]): Promise<Ran> {
  const { globSync } = await import('node:fs')
  const files = globSync(`${where}/**/*`, { cwd: place, withFileTypes: true }).filter((entry) => entry.isFile())
  const lines = files.flatMap((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8').split(/\r?\n/))
  return { code: 0, out: lines.filter((line) => new RegExp(pattern).test(line)).join('\n'), err: '' }
}

/** A server that goes on until the next one begins. */
async function begin([program, name = '', ...args]: readonly string[], output: readonly string[]): Promise<void> {
  const before = running.at(-1)
  if (before && before.exitCode === null) {
    before.kill('SIGTERM')
    await once(before, 'exit')
  }
  // A reader sits at a terminal; here is none, and the log would be JSON.
  const child =
    program === 'node'
      ? startNode(place, name, ...args)
      : startCommand(place, ...args, ...(args[0] === 'start' ? ['--log', 'pretty'] : []))
  running.push(child)
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => (`${out()}${err()}`.includes(`:${port}`) ? true : undefined))
  const [first = ''] = output
  if (first) assert.ok(out().startsWith(first), out())
}
