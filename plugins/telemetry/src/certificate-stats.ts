/** Until when the certificates of listeners are good, as the listeners of this process say it. */
import { channel } from 'node:diagnostics_channel'
import { Gauge, type Registry } from 'prom-client'

const certificates = channel('postroad:certificates')

/** Read at each scrape: a file that was renewed counts from then on. */
export function measureCertificates(registry: Registry): void {
  new Gauge({
    name: 'postroad_certificate_not_after_timestamp_seconds',
    help: 'Until when the certificate of a listener is good; of several the earliest',
    labelNames: ['listener'],
    registers: [registry],
    // Workers have the same files.
    aggregator: 'min',
    async collect() {
      const asked = new Map<string, Promise<number>>()
      certificates.publish({ add: (listener: string, notAfter: Promise<number>) => asked.set(listener, notAfter) })
      this.reset()
      for (const [listener, notAfter] of asked) {
        // What cannot be read is told by the log of the listener.
        const end = await notAfter.catch(() => undefined)
        if (end !== undefined) this.set({ listener }, end / 1000)
      }
    },
  })
}
