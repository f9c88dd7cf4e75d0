/** One exporter for all who name the same address: on a reload the next generation is there before the last one is gone, and counts on. */
import { Exporter, type ExporterOptions } from './exporter.ts'

/** One user's share of an exporter. */
export interface SharedExporter {
  readonly exporter: Exporter
  release(): Promise<void>
}

interface Shared {
  readonly opening: Promise<Exporter>
  users: number
}

const exporters = new Map<string, Shared>()

/** Opens the exporter of that address, or joins who has opened it; the last to release it closes it. */
export async function shareExporter(options: ExporterOptions): Promise<SharedExporter> {
  const key = `${options.host} ${options.port}`
  const shared = exporters.get(key) ?? { opening: Exporter.open(options), users: 0 }
  exporters.set(key, shared)
  shared.users++
  const leave = (): boolean => {
    shared.users--
    return shared.users === 0 && exporters.delete(key)
  }
  try {
    const exporter = await shared.opening
    return {
      exporter,
      async release() {
        if (leave()) await exporter.close()
      },
    }
  } catch (error) {
    leave()
    throw error
  }
}
