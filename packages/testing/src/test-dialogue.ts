/** A dialogue in a file, as a test: plugins in a server of their own, on a free port of loopback. */
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { type DialogueOptions, runDialogue } from './dialogue.ts'
import { isJudging } from './judged.ts'
import { createTestServer, type TestServerOptions, type Used } from './test-server.ts'

/**
 * Registers a test that runs the dialogue against the plugins.
 *
 * @param file its name is the test's
 * @throws {TypeError} for a protocol that is none of text
 * @example testDialogue(new URL('./greylist.smtp', import.meta.url), [greylist()])
 */
export function testDialogue(
  file: URL,
  plugins: readonly Used[],
  { cut, timeout, ...options }: TestServerOptions & Pick<DialogueOptions, 'cut' | 'timeout'> = {},
): void {
  if (options.protocol && isJudging(options.protocol))
    throw new TypeError(
      `testDialogue: a dialogue is SMTP or LMTP, not ${options.protocol}: use testPlugin or sessionWith`,
    )
  test(`dialogue: ${file.pathname.split('/').at(-1)}`, async () => {
    const server = await createTestServer(plugins, { ...options, start: false })
    try {
      await server.server.listen()
      const port = server.server.addresses[0]?.port ?? 0
      await runDialogue(await readFile(file, 'utf8'), {
        port,
        ...(cut === undefined ? {} : { cut }),
        ...(timeout === undefined ? {} : { timeout }),
      })
    } finally {
      await server.close()
    }
  })
}
