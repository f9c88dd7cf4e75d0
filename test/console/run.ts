/** `npm run console:test`: the page in Debian's Chromium. With `--pictures` those of the documentation are taken anew; names of files run only these. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
const names = args.filter((one) => !one.startsWith('--'))
const files = readdirSync(import.meta.dirname)
  .filter((file) => /\.(?:test|long)\.ts$/.test(file))
  .filter((file) => names.length === 0 || names.some((name) => file.startsWith(`${name}.`)))
  .map((file) => join(import.meta.dirname, file))
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
