/**
 * `npm run interop -- NAME…`: the tests against real programs whose files begin with that name. What takes seconds is a part of `npm test`
 * (`NAME.test.ts`); what takes longer runs here only (`NAME.full.ts`).
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const FILE = /^(.+?)\.(?:test|full)\.ts$/

const files = readdirSync(import.meta.dirname).filter((file) => FILE.test(file))
const names = [...new Set(files.map((file) => FILE.exec(file)?.[1] ?? ''))].sort()
const wanted = process.argv.slice(2)

if (
  wanted.length === 0 ||
  wanted.includes('--help') ||
  wanted.some((one) => !names.some((name) => name.startsWith(one)))
) {
  process.stdout.write(`npm run interop -- NAME…\n\n${names.map((name) => `  ${name}\n`).join('')}`)
  process.exitCode = wanted.length === 0 || wanted.includes('--help') ? 0 : 64
} else {
  const chosen = files.filter((file) => wanted.some((one) => file.startsWith(one)))
  const argv = ['--conditions=@postroad/source', '--test', '--test-concurrency=1']
  const paths = chosen.map((file) => join(import.meta.dirname, file))
  process.exitCode = spawnSync(process.execPath, [...argv, ...paths], { stdio: 'inherit' }).status ?? 1
}
