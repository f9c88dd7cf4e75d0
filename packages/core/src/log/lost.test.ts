import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLog } from './log.ts'

test('lines that could not be written are counted, and the log says where and how many', () => {
  const written: string[] = []
  let isFull = true
  const write = (lines: string): number => {
    if (isFull) return lines.split('\n').length - 1
    written.push(lines)
    return 0
  }
  const log = createLog({ format: 'json' }, () => 0, write)
  for (let i = 0; i < 3; i++) log.info({ i }, 'lost')
  log.flush()
  log.info({}, 'lost, and what says so with it')
  log.flush()
  isFull = false
  log.info({}, 'seen')
  log.flush()
  const lines = written
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ text, lines }) => [text, lines]),
    [
      ['log lines were lost: nobody read them in time', 4],
      ['seen', undefined],
    ],
  )
})

test('a pipe that nobody reads for a while: every line is whole, and what is missing is counted', async (t) => {
  const file = fileURLToPath(new URL('./log.ts', import.meta.url))
  // The pipe of standard output is made non-blocking, as it is wherever Node has asked for the stream.
  const text = `const { createLog } = await import(${JSON.stringify(file)})
process.stdout._handle?.setBlocking?.(false)
const log = createLog({ format: 'json' })
for (let i = 0; i < 20_000; i++) { log.info({ i, filler: 'x'.repeat(200) }, 'line'); if (i % 500 === 0) log.flush() }
process.on('SIGUSR2', () => { log.info({}, 'last'); log.flush(); process.exit() })
process.stderr.write('full')
setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--conditions=@postroad/source', '--input-type=module', '-e', text])
  t.after(() => child.kill('SIGKILL'))
  // Not read until it is full.
  await once(child.stderr, 'data')
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk
  })
  await new Promise((wake) => setTimeout(wake, 300))
  child.kill('SIGUSR2')
  await once(child, 'close')
  const lines = out.split('\n').filter(Boolean)
  const whole = lines.flatMap((line) => {
    try {
      return [JSON.parse(line)]
    } catch {
      return [] // the one that was cut when the pipe was full
    }
  })
  const lost = whole.reduce((sum, { text, lines = 0 }) => sum + (/lost/.test(text) ? lines : 0), 0)
  const seen = whole.filter(({ text }) => text === 'line').length
  assert.equal(whole.at(-1)?.text, 'last')
  assert.ok(lost > 1_000, `${lost} lost`)
  assert.equal(seen + lost, 20_000)
})
