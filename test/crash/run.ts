/** `npm run crash -- --rounds N`: the crash kit, for as long as one likes. */
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } })
const folder = fileURLToPath(new URL('.', import.meta.url))
const tests = (await readdir(folder)).filter((name) => name.endsWith('.test.ts')).map((name) => `${folder}${name}`)
const child = spawn(process.execPath, ['--conditions=@postroad/source', '--test', '--test-concurrency=1', ...tests], {
  stdio: 'inherit',
  env: { ...process.env, CRASH_ROUNDS: values.rounds },
})
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
