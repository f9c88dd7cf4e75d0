/** Haraka in one process: its outbound queue, with fsynced files, and deliveries to the sink. */
import { startHaraka } from '../haraka/start.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Haraka: queue durably (but for the folder, which it never syncs), then deliver to the sink',
  start: (place) => startHaraka(place, { plugin: 'relay', environment: { SINK_PORT: String(place.sinkPort) } }),
}
