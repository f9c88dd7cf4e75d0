/** Debian's Postfix with folders of its own and its defaults: queue durably, deliver to the sink. */
import { startPostfix } from '../postfix.ts'
import { usageOfTree } from '../process-tree.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Debian’s Postfix: queue durably, then deliver to the sink',
  async start({ folder, port, sinkPort }) {
    const postfix = startPostfix({ folder, port, main: `relayhost = [127.0.0.1]:${sinkPort}\n` })
    return { usage: () => usageOfTree(postfix.pid), close: () => postfix.close() }
  },
}
