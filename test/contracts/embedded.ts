/** Embedded services on a folder of their own, under a fake clock. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '@postroad/plugin'
import type { MakeFixture } from '../../packages/testing/src/contract/store.ts'
import { fakeClock } from '../../packages/testing/src/fake-clock.ts'

/** A fixture whose handles `open` makes. */
export function embedded<T extends { close(): Promise<void> }>(
  open: (folder: string, clock: Clock) => T,
): MakeFixture<T> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
    const clock = fakeClock()
    const handles: T[] = []
    return {
      open() {
        const handle = open(folder, clock)
        handles.push(handle)
        return handle
      },
      advance: (ms) => clock.advance(ms),
      step: async (ms) => clock.step(ms),
      async close() {
        for (const handle of handles) await handle.close()
        await rm(folder, { recursive: true })
      },
    }
  }
}
