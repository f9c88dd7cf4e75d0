/** Listeners of kind `policy`: Postfix asks there about clients and envelopes, and takes responsibility itself. */
import type { PolicyListener, PolicyListenerOptions } from '@postroad/policy-service'
import type { PolicyListenSettings } from '../config/listen.ts'
import type { ExplainedKind, ListenerKind } from './listener-kind.ts'

/** What a message is asked about has no content here: that nobody hooks it is for `plan/roles.ts` to say. */
export const policyKind: ListenerKind<PolicyListenSettings> = {
  name: 'policy',
  role: 'filter',
  async plan({ protocol: _kind, ...options }, { mistake }) {
    // Most servers have no such listener, and start without what it takes.
    const { createPolicyListener, policyMistakes } = await import('@postroad/policy-service')
    for (const one of policyMistakes(options)) mistake('ERR_LISTEN', `${options.name}: ${one}`)
    return {
      isSecure: false,
      warnings: warningsOf(options),
      explain: () => explained(options),
      open: ({ attach, onError }, keeper) => createPolicyListener({ onError, ...options }, attach, keeper),
      update: (listener, { attach, onError }) => (listener as PolicyListener).update({ onError, ...options }, attach), // made by `open`
    }
  },
}

function warningsOf({ name, accept }: PolicyListenerOptions): readonly string[] {
  return accept === 'permit'
    ? [
        `${name}: accept "permit" answers OK where nobody objects: an open relay where it stands before reject_unauth_destination`,
      ]
    : []
}

/** Where Postfix has its queue, and its processes their root when they are in a chroot. */
const QUEUE = '/var/spool/postfix/'

function explained(options: PolicyListenerOptions): ExplainedKind {
  // A reload of ours takes no time, a restart some seconds; after two attempts a second apart Postfix would say 451 4.3.5.
  const service = `check_policy_service { ${serviceOf(options)}, try_limit=10 }`
  const before = 'permit_mynetworks, permit_sasl_authenticated'
  return {
    tls: 'none',
    copy: [
      { file: 'main.cf', line: `smtpd_recipient_restrictions = ${before}, reject_unauth_destination, ${service}` },
      { file: 'main.cf', line: `smtpd_data_restrictions = ${before}, ${service}` },
    ],
    notes: options.accept === 'permit' ? ['answers OK'] : [],
  }
}

/** As main.cf has it: within a chroot of Postfix a path begins at its queue. */
function serviceOf({ path, host = '127.0.0.1', port }: PolicyListenerOptions): string {
  if (path !== undefined) return `unix:${path.startsWith(QUEUE) ? path.slice(QUEUE.length) : path}`
  return `inet:${host.includes(':') ? `[${host}]` : host}:${port ?? 0}`
}
