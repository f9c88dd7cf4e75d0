/** Postfix with what Debian has for the same. Measured are the three filters, and not Postfix. */
import { join } from 'node:path'
import { policydSpf, startOpendkim, startOpendmarc } from '../debian-filters.ts'
import { filterDns } from '../filters.ts'
import { startPostfix } from '../postfix.ts'
import { sumOf, usageOfNamed, usageOfTree } from '../process-tree.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postfix with policyd-spf-python, opendkim and opendmarc: the CPU of these three alone',
  async start({ folder, port }) {
    const opendkim = await startOpendkim(join(folder, 'opendkim'))
    const opendmarc = await startOpendmarc(join(folder, 'opendmarc'))
    const postfix = startPostfix({
      folder,
      port,
      resolver: filterDns().address,
      main: `smtpd_milters = unix:${opendkim.socket}, unix:${opendmarc.socket}
milter_default_action = tempfail
smtpd_recipient_restrictions = check_policy_service unix:private/policyd-spf, permit_mynetworks, reject
policyd-spf_time_limit = 3600s
virtual_mailbox_domains = postroad.test
virtual_transport = discard:
`,
      master: policydSpf(join(folder, 'policyd-spf')),
    })
    return {
      // Each policyd-spf is a child of a spawn(8).
      usage: () => sumOf([usageOfTree(opendkim.pid), usageOfTree(opendmarc.pid), usageOfNamed(postfix.pid, 'spawn')]),
      async close() {
        await postfix.close()
        await opendkim.close()
        await opendmarc.close()
      },
    }
  },
}
