/** What went wrong inside plugins, which no reply tells. */
import type { TestServer } from './test-server.ts'

/** What plugins failed with, as the log has it. */
export function failuresOf(server: TestServer): readonly string[] {
  server.server.log.flush()
  return server.lines
    .filter(({ level, text }) => level === 'error' && text === 'plugin failed')
    .map(
      ({ plugin, hook, error }) =>
        `${plugin}.${hook} failed: ${(error as { message?: string } | undefined)?.message ?? 'for no reason'}`,
    ) // as the log writes errors
}
