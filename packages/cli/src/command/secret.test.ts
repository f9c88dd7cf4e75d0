import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { readSecret } from './secret.ts'

function terminal(isTTY: boolean, typed: string) {
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: () => input }) as unknown as NodeJS.ReadStream &
    PassThrough // what is read of it
  const output = new PassThrough()
  input.end(typed)
  return { input, output, shown: () => String(output.read() ?? '') }
}

test('a password typed on a terminal is asked for and not shown', async () => {
  const { input, output, shown } = terminal(true, 'correct horse\r')
  assert.equal(await readSecret(input, output), 'correct horse')
  assert.equal(shown(), 'Password: \n')
})

test('without a terminal it is the first line of standard input, and there must be one', async () => {
  const { input, output, shown } = terminal(false, 'correct horse\nand more\n')
  assert.equal(await readSecret(input, output), 'correct horse')
  assert.equal(shown(), '')
  await assert.rejects(readSecret(terminal(false, '').input, output), /There is no password/)
})
