/** policyd-spf-python as Debian's Postfix starts it: one process a connection, by spawn(8), at a UNIX socket. */
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { policydSpf } from '../debian-filters.ts'
import { filterDns } from '../filters.ts'
import { startPostfix } from '../postfix.ts'
import { usageOfTree } from '../process-tree.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'policyd-spf-python',
  async start({ folder, socket }) {
    const postfix = startPostfix({
      folder,
      resolver: filterDns().address,
      main: 'policyd-spf_time_limit = 3600s\n',
      master: policydSpf(join(folder, 'policyd-spf')),
    })
    symlinkSync(join(folder, 'queue/private/policyd-spf'), socket)
    return { usage: () => usageOfTree(postfix.pid), close: () => postfix.close() }
  },
}
