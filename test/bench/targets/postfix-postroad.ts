/** Postfix that asks a Postroad by milter. Measured is the Postroad. */
import { join } from 'node:path'
import { startMilter } from '../filter-target.ts'
import { filterDns } from '../filters.ts'
import { startPostfix } from '../postfix.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postfix, SPF, DKIM and DMARC by Postroad as its milter: the CPU of Postroad alone',
  async start(place) {
    const { folder, port } = place
    const path = join(folder, 'milter')
    const postroad = await startMilter(place, path)
    const postfix = startPostfix({
      folder,
      port,
      resolver: filterDns().address,
      main: `smtpd_milters = unix:${path}\nmilter_default_action = tempfail\nvirtual_mailbox_domains = postroad.test\nvirtual_transport = discard:\n`,
    })
    return {
      async close() {
        await postfix.close()
        await postroad.close()
      },
    }
  },
}
