/** Listeners of kind `milter`: Postfix and Sendmail ask there what to do with a message, and take responsibility themselves. */
import type { MilterListener, MilterListenerOptions, MilterScope, Wants } from '@postroad/milter-protocol/server'
import type { MilterListenSettings } from '../config/listen.ts'
import type { ExplainedKind, ListenerKind } from './listener-kind.ts'

/** What is asked for follows from the hooks of the scope. */
export const milterKind: ListenerKind<MilterListenSettings> = {
  name: 'milter',
  role: 'filter',
  async plan({ protocol: _kind, ...options }, { hooks, tags, mistake }) {
    // Most servers have no such listener, and start without what it takes.
    const { createMilterListener, milterMistakes, wantsOf } = await import('@postroad/milter-protocol/server')
    const { ACTION, STEP } = await import('@postroad/milter-protocol')
    for (const one of milterMistakes(options)) mistake('ERR_LISTEN', `${options.name}: ${one}`)
    const scope = (attach: MilterScope['attach']): MilterScope => ({ attach, hooks, tags })
    const wants = wantsOf({ hooks, tags }, { isUnix: options.path !== undefined })
    return {
      isSecure: false,
      warnings: [],
      explain: () => explained(options, wants, { ACTION, STEP }),
      open: ({ attach, onError }, keeper) => createMilterListener({ onError, ...options }, scope(attach), keeper),
      update: (listener, { attach, onError }) =>
        (listener as MilterListener).update({ onError, ...options }, scope(attach)), // made by `open`
    }
  },
}

/** Where Postfix has its queue, and its processes their root when they are in a chroot. */
const QUEUE = '/var/spool/postfix/'

interface Words {
  readonly ACTION: Readonly<Record<string, number>>
  readonly STEP: Readonly<Record<string, number>>
}

function explained(options: MilterListenerOptions, wants: Wants, { ACTION, STEP }: Words): ExplainedKind {
  const { path, host = '127.0.0.1', port = 0 } = options
  const isLiteral = host.includes(':')
  const postfix =
    path === undefined
      ? `inet:${isLiteral ? `[${host}]` : host}:${port}`
      : `unix:${path.startsWith(QUEUE) ? path.slice(QUEUE.length) : path}`
  const sendmail = path === undefined ? `${isLiteral ? 'inet6' : 'inet'}:${port}@${host}` : `local:${path}`
  return {
    tls: 'none',
    asked: {
      steps: named(wants.steps, STEP),
      actions: named(wants.actions, ACTION),
      macros: [...new Set(Object.values(wants.macros).flat())],
    },
    copy: [
      { file: 'main.cf', line: `smtpd_milters = ${postfix}` },
      // Without it Postfix answers so by default until 3.11; what a filter has not seen shall not pass.
      { file: 'main.cf', line: 'milter_default_action = tempfail' },
      {
        file: 'sendmail.mc',
        line: `INPUT_MAIL_FILTER(\`postroad', \`S=${sendmail}, F=T, T=C:30s;S:30s;R:60s;E:5m')dnl`,
      },
    ],
    notes: options.accept === 'accept' ? ['no filter behind it sees what passes'] : [],
  }
}

function named(bits: number, words: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(words).flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name]))
}
