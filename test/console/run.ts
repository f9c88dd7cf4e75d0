/** `npm run console:test`: the page in Debian's Chromium. With `--pictures` those of the documentation are taken anew; names of files run only these. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
const names = args.filter((one) => !one.startsWith('--'))
const ADMIN = join(import.meta.dirname, '../admin')
/** All of the page, and what takes longer of the interface that it uses. */
const files = [
  ...filesIn(import.meta.dirname, /\.(?:test|long)\.ts$/),
  ...filesIn(ADMIN, names.length === 0 ? /\.long\.ts$/ : /\.(?:test|long)\.ts$/),
]
if (files.length === 0 || args.includes('--help')) {
  process.stdout.write('npm run console:test -- [--pictures] [NAME…]\n')
  process.exitCode = args.includes('--help') ? 0 : 2
} else {
  const { status } = spawnSync(
    process.execPath,
    ['--conditions=@postroad/source', '--test', '--test-concurrency=1', '--test-timeout=600000', ...files],
    {
      stdio: 'inherit',
      env: { ...process.env, ...(args.includes('--pictures') && { POSTROAD_PICTURES: '1' }) },
    },
  )
  process.exitCode = status ?? 1
}

function filesIn(folder: string, wanted: RegExp): readonly string[] {
  return readdirSync(folder)
    .filter((file) => wanted.test(file) && (names.length === 0 || names.some((name) => file.startsWith(`${name}.`))))
    .map((file) => join(folder, file))
}
