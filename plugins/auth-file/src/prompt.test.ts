import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { readPassword } from './prompt.ts'

/** What is read when this is typed, or piped, and everything that was shown meanwhile. */
async function reading(
  text: string,
  isTTY: boolean,
): Promise<{ password: string | undefined; shown: string; modes: boolean[] }> {
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (mode: boolean) => modes.push(mode) })
  const output = new PassThrough()
  input.end(text)
  const password = await readPassword({ input, output })
  return { password, shown: String(output.read() ?? ''), modes }
}

test('on a terminal a password is asked for twice, and never shown', async () => {
  assert.deepEqual(await reading('s3cret\rs3cret\r', true), {
    password: 's3cret',
    shown: 'Password: \nAgain: \n',
    modes: [true, false],
  })
  assert.equal((await reading('s3x\x7fcret\rs3cret\r', true)).password, 's3cret', 'a key may be taken back')
})

test('what is typed differently, nothing, and an interruption are no password', async () => {
  assert.deepEqual(await reading('one\rother\r', true), {
    password: undefined,
    shown: 'Password: \nAgain: \nthe passwords differ\n',
    modes: [true, false],
  })
  assert.equal((await reading('\r', true)).password, undefined)
  assert.equal((await reading('half\x03', true)).password, undefined)
  assert.equal((await reading('one\r', true)).password, undefined)
})

test('without a terminal it is the first line of standard input', async () => {
  assert.deepEqual(await reading('s3cret\nmore\n', false), { password: 's3cret', shown: '', modes: [] })
  assert.deepEqual(await reading('', false), { password: undefined, shown: 'there is no password\n', modes: [] })
})
